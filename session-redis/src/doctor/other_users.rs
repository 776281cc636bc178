//! The users of a server other than the store's: whether they may publish changes of sessions that are none.

use redis::Pipeline;

use super::{
    deployment::{Deployment, Kind},
    facts::{dry_run, user},
    internals::needed_commands,
    probe::{Probe, command},
    reply::{items, text},
};

/// The most users that are examined.
const USERS: usize = 256;

const ABOUT: &str = "the permissions of other users";

/// Enabled users, other than the store's, that may publish on the channels of the prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OtherUsers {
    /// Those that may not write to the keys of the prefix.
    pub(super) publishers: Vec<String>,
    /// Those that may, such as administrators.
    pub(super) writers: Vec<String>,
}

/// Asks which other users may publish; `None` if the server does not say.
pub(super) async fn gather(probe: &mut Probe, deployment: &Deployment) -> Option<OtherUsers> {
    let reply = probe.ask("ACL USERS", "the names of other users", &command(&["ACL", "USERS"])).await?;
    let is_other = |name: &String| *name != deployment.store_user;
    let names: Vec<String> = items(&reply).iter().filter_map(text).filter(is_other).take(USERS).collect();
    let is_cluster = deployment.kind == Kind::Cluster;
    let publish = if is_cluster { "SPUBLISH" } else { "PUBLISH" };
    let needed = needed_commands(&deployment.layout, is_cluster, publish);
    let of_name = |name: &str| needed.iter().find(|words| words.first().is_some_and(|word| word == name.as_bytes()));
    let (published, written) = (of_name(publish)?, of_name("HSET")?);
    let mut questions = Pipeline::new();
    for name in &names {
        dry_run(&mut questions, name, published);
        dry_run(&mut questions, name, written);
    }
    if names.is_empty() {
        return Some(OtherUsers::default());
    }
    let replies = probe.ask_all("ACL DRYRUN", ABOUT, &questions).await?;
    let mut may = Vec::with_capacity(replies.len());
    for reply in replies {
        let reply = probe.accept("ACL DRYRUN", ABOUT, reply).ok()?;
        may.push(text(&reply).is_some_and(|text| text == "OK"));
    }
    let mut others = OtherUsers::default();
    for (name, may) in names.into_iter().zip(may.chunks_exact(2)) {
        // The server answers for users that are off too.
        if may[0] && user(probe, &name).await.flatten().is_some_and(|user| user.is_on()) {
            if may[1] { others.writers.push(name) } else { others.publishers.push(name) }
        }
    }
    Some(others)
}
