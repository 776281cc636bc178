//! What one server says of itself.

use std::ops::RangeInclusive;

use redis::{Cmd, Pipeline, Value, cmd};
use tokio::time::Instant;

use super::{
    acl::User,
    deployment::{Deployment, Kind},
    line::Line,
    reply::{self, Table},
    sample::{self, Sample},
};
use crate::{net::Address, permissions, tags::slot_of_key};

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Primary,
    Replica,
    Sentinel,
}

/// A server's clock against ours, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) offset: i64,
    /// How far that may be off, since the question took a while.
    pub(super) slack: i64,
}

/// What the key that tells the layout holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    Nothing,
    Text(String),
    AnotherType,
}

/// What one server says of itself. What it did not tell is empty, and the checks are silent about it.
pub(super) struct Facts {
    pub(super) address: Address,
    pub(super) role: Role,
    pub(super) hello: Table,
    pub(super) config: Table,
    pub(super) info: Table,
    pub(super) cluster: Table,
    /// The user `default`.
    pub(super) default_user: Option<User>,
    /// As whom the store connects: nothing if that was not told, `Some(None)` if there is no such user.
    pub(super) store_user: Option<Option<User>>,
    /// Commands that the store needs, and that user may not run.
    pub(super) missing: Vec<String>,
    /// Commands that user had better not run.
    pub(super) dangerous: Vec<&'static str>,
    pub(super) declared: Option<Declared>,
    pub(super) sample: Option<Sample>,
    pub(super) clock: Option<Reading>,
}

impl Facts {
    pub(super) fn new(address: Address, role: Role) -> Self {
        let (hello, config, info, cluster) = Default::default();
        let (default_user, store_user, declared, sample, clock) = Default::default();
        let (missing, dangerous) = Default::default();
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
            declared,
            sample,
            clock,
        }
    }

    /// A setting.
    pub(super) fn set(&self, name: &str) -> Option<&str> {
        self.config.get(name).map(String::as_str)
    }

    /// A setting that is a number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.set(name)?.parse().ok()
    }

    /// A line of INFO.
    pub(super) fn told(&self, name: &str) -> Option<&str> {
        self.info.get(name).map(String::as_str)
    }

    /// A line of INFO that is a number.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        self.told(name)?.parse().ok()
    }

    pub(super) fn is_primary(&self) -> bool {
        self.role == Role::Primary
    }

    /// Whether we reach it without leaving the machine.
    pub(super) fn is_local(&self) -> bool {
        match &self.address {
            Address::Unix(_) => true,
            Address::Tcp(host, _) if host.eq_ignore_ascii_case("localhost") => true,
            Address::Tcp(host, _) => host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        }
    }
}

/// How many keys to look at, and where.
pub(super) struct Share<'a> {
    pub(super) samples: usize,
    /// The slots of a primary of a cluster.
    pub(super) slots: &'a [RangeInclusive<u16>],
}

/// Asks a server all there is to ask.
pub(super) async fn gather(line: &mut Line, deployment: &Deployment, share: Share<'_>, epoch: Instant) -> Facts {
    let role = if line.is_primary { Role::Primary } else { Role::Replica };
    let mut facts = Facts::new(line.address.clone(), role);
    common(line, &mut facts).await;
    facts.clock = clock(line, epoch).await;
    let question = words(&["CONFIG", "GET", "*"]);
    facts.config =
        line.ask("CONFIG GET", "every setting", &question).await.map(|told| reply::table(&told)).unwrap_or_default();
    let question = words(&["INFO", "everything"]);
    facts.info = line
        .ask("INFO", "the state of memory, disk and replicas", &question)
        .await
        .map(|told| reply::lines(&told))
        .unwrap_or_default();
    if deployment.kind == Kind::Cluster {
        let told = line.ask("CLUSTER INFO", "the state of the cluster", &words(&["CLUSTER", "INFO"])).await;
        facts.cluster = told.map(|told| reply::lines(&told)).unwrap_or_default();
    }
    store_user(line, deployment, &mut facts).await;
    let (key, _) = deployment.layout.declaration();
    let slot = slot_of_key(key.as_bytes());
    let is_owner = deployment.kind != Kind::Cluster || share.slots.iter().any(|run| run.contains(&slot));
    if facts.is_primary() {
        if is_owner {
            facts.declared = declared(line, &key).await;
        }
        facts.sample = sample::take(line, &deployment.prefix, &deployment.layout, share.samples).await;
    }
    facts
}

/// What sentinels are asked as well.
pub(super) async fn common(line: &mut Line, facts: &mut Facts) {
    let told = line.ask("HELLO", "the version", &words(&["HELLO"])).await;
    facts.hello = told.map(|told| reply::table(&told)).unwrap_or_default();
    let told = line.ask("ACL GETUSER", "the users' rights", &words(&["ACL", "GETUSER", "default"])).await;
    facts.default_user = told.and_then(|told| User::read(&told));
}

async fn clock(line: &mut Line, epoch: Instant) -> Option<Reading> {
    let asked = epoch.elapsed();
    let told = line.ask("TIME", "the clock", &words(&["TIME"])).await?;
    reading(&told, asked, epoch.elapsed())
}

fn reading(told: &Value, asked: std::time::Duration, answered: std::time::Duration) -> Option<Reading> {
    let [seconds, micros] = reply::items(told) else { return None };
    let number = |value| reply::text(value)?.parse::<i64>().ok();
    let told = number(seconds)?.checked_mul(1_000_000)?.checked_add(number(micros)?)?;
    let (asked, answered) = (i64::try_from(asked.as_micros()).ok()?, i64::try_from(answered.as_micros()).ok()?);
    Some(Reading { offset: told.checked_sub(i64::midpoint(asked, answered))?, slack: (answered - asked) / 2 + 1 })
}

/// Commands that sessions never need, and that undo them all, or the server.
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

async fn store_user(line: &mut Line, deployment: &Deployment, facts: &mut Facts) {
    let user = deployment.store_user.as_str();
    let told = line.ask("ACL GETUSER", "the users' rights", &words(&["ACL", "GETUSER", user])).await;
    facts.store_user = told.map(|told| User::read(&told));
    if !matches!(facts.store_user, Some(Some(_))) {
        return;
    }
    let is_cluster = deployment.kind == Kind::Cluster;
    let publish = if is_cluster { "SPUBLISH" } else { "PUBLISH" };
    let needed = permissions::commands(&deployment.layout, is_cluster, publish);
    let mut questions = Pipeline::new();
    for command in &needed {
        let question = questions.cmd("ACL").arg("DRYRUN").arg(user);
        for word in command {
            question.arg(word);
        }
    }
    for command in DANGEROUS {
        let question = questions.cmd("ACL").arg("DRYRUN").arg(user);
        for word in command.split(' ') {
            question.arg(word);
        }
    }
    let answers = line.ask_all("ACL DRYRUN", "what the user may run", &questions).await.unwrap_or_default();
    for (at, answer) in answers.into_iter().enumerate() {
        let Ok(answer) = line.judged("ACL DRYRUN", "what the user may run", answer) else { continue };
        let may = reply::text(&answer).is_some_and(|text| text == "OK");
        match needed.get(at) {
            Some(command) if !may => facts.missing.push(spoken(command)),
            Some(_) => {}
            None if may => facts.dangerous.extend(DANGEROUS.get(at - needed.len())),
            None => {}
        }
    }
}

/// The command without its arguments, in lower case. Of containers the second word belongs to it.
fn spoken(command: &[Vec<u8>]) -> String {
    let word = |at: usize| command.get(at).map(|word| String::from_utf8_lossy(word).to_lowercase()).unwrap_or_default();
    match word(0).as_str() {
        "script" | "cluster" => format!("{}|{}", word(0), word(1)),
        name => name.to_owned(),
    }
}

async fn declared(line: &mut Line, key: &str) -> Option<Declared> {
    let mut question = Pipeline::with_capacity(1);
    question.cmd("GET").arg(key);
    let about = "the number of partitions";
    let answer = line.ask_all("GET", about, &question).await?.pop()?;
    match line.judged("GET", about, answer) {
        Ok(Value::Nil) => Some(Declared::Nothing),
        Ok(told) => reply::text(&told).map(Declared::Text),
        Err(error) if error.code() == "WRONGTYPE" => Some(Declared::AnotherType),
        Err(_) => None,
    }
}

pub(super) fn words(words: &[&str]) -> Cmd {
    let mut question = cmd(words.first().copied().unwrap_or_default());
    for word in words.iter().skip(1) {
        question.arg(word);
    }
    question
}
