//! The facts about one server, as it reports them.

use std::ops::RangeInclusive;

use redis::{Pipeline, Value};
use tokio::time::Instant;

use super::{
    deployment::{Deployment, Kind},
    internals::{Address, needed_commands, slot_of_key},
    other_users::{self, OtherUsers},
    probe::{Probe, command},
    reply::{self, Table},
    sample::{self, Sample},
    user::User,
};

/// The settings that the checks look at. No others are asked for: some are passwords.
const SETTINGS: [&str; 23] = [
    "appendfsync",
    "appendonly",
    "bind",
    "client-output-buffer-limit",
    "cluster-allow-reads-when-down",
    "cluster-node-timeout",
    "hash-max-listpack-entries",
    "hash-max-listpack-value",
    "lazyfree-lazy-expire",
    "maxclients",
    "maxmemory",
    "maxmemory-policy",
    "min-replicas-max-lag",
    "min-replicas-to-write",
    "notify-keyspace-events",
    "port",
    "protected-mode",
    "replica-read-only",
    "save",
    "tcp-keepalive",
    "timeout",
    "tls-cluster",
    "tls-replication",
];

/// The role of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Primary,
    Replica,
    Sentinel,
}

/// The difference between a server's clock and ours, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) offset: i64,
    /// The uncertainty of the offset, because a reply takes time.
    pub(super) slack: i64,
}

/// The content of the key that declares the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    Nothing,
    Text(String),
    AnotherType,
}

/// The facts about one server. A fact that the server does not report is empty, and the checks skip it.
pub(super) struct Facts {
    pub(super) address: Address,
    pub(super) role: Role,
    pub(super) hello: Table,
    pub(super) config: Table,
    pub(super) info: Table,
    pub(super) cluster: Table,
    /// The user `default`.
    pub(super) default_user: Option<User>,
    /// The user that the store connects as: `None` if unknown, `Some(None)` if there is no such user.
    pub(super) store_user: Option<Option<User>>,
    /// The commands that the store needs and this user may not run.
    pub(super) missing: Vec<String>,
    /// The commands that this user may run and should not.
    pub(super) dangerous: Vec<&'static str>,
    /// Users other than the store's that may publish.
    pub(super) other_users: Option<OtherUsers>,
    pub(super) declared: Option<Declared>,
    pub(super) sample: Option<Sample>,
    pub(super) clock: Option<Reading>,
}

impl Facts {
    pub(super) fn new(address: Address, role: Role) -> Self {
        let (hello, config, info, cluster) = Default::default();
        let (default_user, store_user, missing, dangerous, other_users) = Default::default();
        let (declared, sample, clock) = Default::default();
        Self {
            address,
            role,
            hello,
            config,
            info,
            cluster,
            default_user,
            store_user,
            missing,
            dangerous,
            other_users,
            declared,
            sample,
            clock,
        }
    }

    /// A setting, one of [`SETTINGS`].
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        debug_assert!(SETTINGS.contains(&name), "{name} was not asked for");
        self.config.get(name).map(String::as_str)
    }

    /// A setting that is a number.
    pub(super) fn setting_number(&self, name: &str) -> Option<u64> {
        self.setting(name)?.parse().ok()
    }

    /// A line of INFO.
    pub(super) fn info(&self, name: &str) -> Option<&str> {
        self.info.get(name).map(String::as_str)
    }

    /// A line of INFO that is a number.
    pub(super) fn info_number(&self, name: &str) -> Option<u64> {
        self.info(name)?.parse().ok()
    }

    pub(super) fn is_primary(&self) -> bool {
        self.role == Role::Primary
    }

    /// Whether the connection stays on this machine.
    pub(super) fn is_local(&self) -> bool {
        match &self.address {
            Address::Unix(_) => true,
            Address::Tcp(host, _) if host.eq_ignore_ascii_case("localhost") => true,
            Address::Tcp(host, _) => host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        }
    }
}

/// One server's share of the sample.
pub(super) struct Share<'a> {
    pub(super) samples: usize,
    /// The slots of a cluster's primary.
    pub(super) slots: &'a [RangeInclusive<u16>],
}

/// Collects all facts about one server.
pub(super) async fn gather(probe: &mut Probe, deployment: &Deployment, share: Share<'_>, epoch: Instant) -> Facts {
    let role = if probe.is_primary { Role::Primary } else { Role::Replica };
    let mut facts = Facts::new(probe.address.clone(), role);
    gather_common(probe, &mut facts).await;
    facts.clock = clock(probe, epoch).await;
    let reply = probe.ask("CONFIG GET", "the settings", &command(&[&["CONFIG", "GET"], &SETTINGS[..]].concat())).await;
    facts.config = reply.map(|reply| reply::table(&reply)).unwrap_or_default();
    let about = "the state of memory, disk and replicas";
    let reply = probe.ask("INFO", about, &command(&["INFO", "everything"])).await;
    facts.info = reply.map(|reply| reply::lines(&reply)).unwrap_or_default();
    if deployment.kind == Kind::Cluster {
        let reply = probe.ask("CLUSTER INFO", "the state of the cluster", &command(&["CLUSTER", "INFO"])).await;
        facts.cluster = reply.map(|reply| reply::lines(&reply)).unwrap_or_default();
    }
    gather_store_user(probe, deployment, &mut facts).await;
    facts.other_users = other_users::gather(probe, deployment).await;
    let (key, _) = deployment.layout.declaration();
    let slot = slot_of_key(key.as_bytes());
    let is_owner = deployment.kind != Kind::Cluster || share.slots.iter().any(|run| run.contains(&slot));
    if facts.is_primary() {
        if is_owner {
            facts.declared = declared(probe, &key).await;
        }
        facts.sample = sample::take(probe, &deployment.prefix, &deployment.layout, share.samples).await;
    }
    facts
}

/// Collects the facts that sentinels report too.
pub(super) async fn gather_common(probe: &mut Probe, facts: &mut Facts) {
    let reply = probe.ask("HELLO", "the version", &command(&["HELLO"])).await;
    facts.hello = reply.map(|reply| reply::table(&reply)).unwrap_or_default();
    facts.default_user = user(probe, "default").await.flatten();
}

/// One ACL user: `None` if the server does not say, `Some(None)` if there is no such user.
pub(super) async fn user(probe: &mut Probe, name: &str) -> Option<Option<User>> {
    let reply = probe.ask("ACL GETUSER", "the permissions of users", &command(&["ACL", "GETUSER", name])).await?;
    Some(User::read(&reply))
}

async fn clock(probe: &mut Probe, epoch: Instant) -> Option<Reading> {
    let asked = epoch.elapsed();
    let reply = probe.ask("TIME", "the clock", &command(&["TIME"])).await?;
    reading(&reply, asked, epoch.elapsed())
}

fn reading(reply: &Value, asked: std::time::Duration, answered: std::time::Duration) -> Option<Reading> {
    let [seconds, micros] = reply::items(reply) else { return None };
    let number = |value| reply::text(value)?.parse::<i64>().ok();
    let theirs = number(seconds)?.checked_mul(1_000_000)?.checked_add(number(micros)?)?;
    let (asked, answered) = (i64::try_from(asked.as_micros()).ok()?, i64::try_from(answered.as_micros()).ok()?);
    Some(Reading { offset: theirs.checked_sub(i64::midpoint(asked, answered))?, slack: (answered - asked) / 2 + 1 })
}

/// Commands that a store never needs, and that destroy all sessions or disturb the server.
const DANGEROUS: [&str; 10] = [
    "FLUSHALL",
    "FLUSHDB",
    "CONFIG SET maxmemory 0",
    "SHUTDOWN",
    "REPLICAOF NO ONE",
    "ACL SETUSER nobody",
    "DEBUG SLEEP 0",
    "KEYS *",
    "MONITOR",
    "SCRIPT FLUSH",
];

async fn gather_store_user(probe: &mut Probe, deployment: &Deployment, facts: &mut Facts) {
    let name = deployment.store_user.as_str();
    facts.store_user = user(probe, name).await;
    if !matches!(facts.store_user, Some(Some(_))) {
        return;
    }
    let is_cluster = deployment.kind == Kind::Cluster;
    let publish = if is_cluster { "SPUBLISH" } else { "PUBLISH" };
    let needed = needed_commands(&deployment.layout, is_cluster, publish);
    let mut questions = Pipeline::new();
    for command in &needed {
        dry_run(&mut questions, name, command);
    }
    for command in DANGEROUS {
        dry_run(&mut questions, name, command.split(' '));
    }
    let about = "the commands that the user may run";
    let replies = probe.ask_all("ACL DRYRUN", about, &questions).await.unwrap_or_default();
    for (at, reply) in replies.into_iter().enumerate() {
        let Ok(reply) = probe.accept("ACL DRYRUN", about, reply) else { continue };
        let may = reply::text(&reply).is_some_and(|text| text == "OK");
        match needed.get(at) {
            Some(command) if !may => facts.missing.push(command_name(command)),
            Some(_) => {}
            None if may => facts.dangerous.extend(DANGEROUS.get(at - needed.len())),
            None => {}
        }
    }
}

/// Asks whether a user may run a command.
pub(super) fn dry_run(questions: &mut Pipeline, user: &str, command: impl IntoIterator<Item: redis::ToRedisArgs>) {
    let question = questions.cmd("ACL").arg("DRYRUN").arg(user);
    for word in command {
        question.arg(word);
    }
}

/// The command without its arguments, in lower case. The name of a subcommand has two words.
fn command_name(command: &[Vec<u8>]) -> String {
    let word = |at: usize| command.get(at).map(|word| String::from_utf8_lossy(word).to_lowercase()).unwrap_or_default();
    match word(0).as_str() {
        "script" | "cluster" => format!("{}|{}", word(0), word(1)),
        name => name.to_owned(),
    }
}

async fn declared(probe: &mut Probe, key: &str) -> Option<Declared> {
    let mut question = Pipeline::with_capacity(1);
    question.cmd("GET").arg(key);
    let about = "the number of partitions";
    let reply = probe.ask_all("GET", about, &question).await?.pop()?;
    match probe.accept("GET", about, reply) {
        Ok(Value::Nil) => Some(Declared::Nothing),
        Ok(reply) => reply::text(&reply).map(Declared::Text),
        Err(error) if error.code() == "WRONGTYPE" => Some(Declared::AnotherType),
        Err(_) => None,
    }
}
