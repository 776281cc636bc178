//! The typical mistakes of connecting: the kind of the error, and a text with the cause and the remedy.
//!
//! Where nothing has to be awaited all deadlines are an hour away, so an error that comes has not waited for them.

use std::time::Duration;

use session_core::ErrorKind::{self, Configuration, Unavailable};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::Server;

use crate::{
    rig::{LONG, TOMBSTONE, guarded, now, patient},
    stub::Stub,
};

/// The password in all URLs. No text may show it.
const SECRET: &str = "swordfish";

/// A mistake, and what its error must say.
struct Row {
    mistake: &'static str,
    config: RedisConfig,
    kind: ErrorKind,
    says: Vec<String>,
}

fn row(mistake: &'static str, config: RedisConfig, kind: ErrorKind, says: &[&str]) -> Row {
    Row { mistake, config, kind, says: says.iter().map(|text| (*text).to_owned()).collect() }
}

impl Row {
    fn check(&self, outcome: Result<RedisStore, session_core::Error>) {
        let error = outcome.expect_err(self.mistake);
        assert_eq!(error.kind(), self.kind, "{}: {error:?}", self.mistake);
        assert_eq!(error.is_retryable(), self.kind == Unavailable);
        let text = error.to_string();
        for says in &self.says {
            assert!(
                text.to_lowercase().contains(&says.to_lowercase()),
                "{}: `{text}` should say `{says}`",
                self.mistake
            );
        }
        assert!(!format!("{text}{error:?}").contains(SECRET), "{}: {error:?}", self.mistake);
    }
}

/// In the URL. No server is asked, and no runtime is needed.
#[test]
fn urls() {
    let encoding = "%2F";
    let cases: [(&str, &str, &[&str]); 23] = [
        ("a host alone", "localhost", &["has no scheme", "`redis://host:6379`"]),
        ("a host and a port", "localhost:6379", &["has no scheme", "`redis://host:6379`"]),
        ("another scheme", "http://localhost", &["unknown scheme", "`redis://`"]),
        ("nothing", "", &["is empty", "`redis://host:6379`"]),
        ("no host", "redis://", &["names no host", "`redis://host:6379`"]),
        ("a password and no host", "redis://user:swordfish@", &["names no host"]),
        ("a port that is too high", "redis://127.0.0.1:70000", &["port", "from 1 to 65535"]),
        ("a database that is no number", "redis://h/abc", &["database", "`/0`"]),
        ("an IPv6 address without brackets", "redis://::1:6379", &["`[::1]`"]),
        ("`/` in the password", "redis://user:swordfish/2@h", &["unencoded character", encoding, "`password`"]),
        ("`?` in the password", "redis://user:1?swordfish@h", &["unencoded character", encoding, "`password`"]),
        ("`#` in the password", "redis://user:swordfish#@h", &["unencoded character", encoding, "`password`"]),
        ("`%` in the password", "redis://user:swordfish%@h", &["`%`", "%25", "`password`"]),
        ("certificates are not verified", "rediss://h#insecure", &["`tls.ca`"]),
        ("an unknown parameter", "redis://h?protocl=resp3", &["unknown parameter", "`protocol` is known"]),
        ("a parameter of other clients", "redis://h/0?timeout=5s", &["unknown parameter", "`protocol` is known"]),
        ("a parameter twice", "redis://h?protocol=3&protocol=3", &["`protocol` more than once", "remove"]),
        ("another protocol", "redis://h?protocol=resp2", &["RESP3", "remove `protocol`"]),
        ("a fragment", "redis://h#insecure", &["fragment", "remove"]),
        ("two databases", "redis://h/0/1", &["database", "`/0`"]),
        ("an empty password", "redis://:@h", &["neither a user nor a password", "remove the `@`"]),
        ("a parameter of a socket file", "redis+unix:///f?database=1", &["unknown parameter", "`db`", "`pass`"]),
        ("a relative socket file", "redis+unix://redis.sock", &["absolute path"]),
    ];
    for (mistake, url, says) in cases {
        let row = row(mistake, RedisConfig::standalone(url), Configuration, says);
        for outcome in [now(RedisStore::connect(url)), RedisStore::connect_lazy(url)] {
            if let Err(error) = &outcome {
                assert!(error.to_string().contains("the URL"), "{mistake}: {error}");
                assert!(!error.to_string().contains("urls["), "{mistake}: {error}");
            }
            row.check(outcome);
        }
    }
}

/// What a server refuses for good is known as soon as it answers.
#[tokio::test]
async fn permanent_refusals() {
    let (server, protected) = tokio::join!(Server::start(), Server::builder().password("right").start());
    let old = Stub::start("redis", "6.2.14").await;
    let at = |server: &Server| patient(format!("redis://{}", server.addr()));
    let user = "does not accept the user or the password";
    let rows = [
        row("a wrong password", at(&protected).password(SECRET), Configuration, &[user]),
        row("no password", at(&protected), Configuration, &[user]),
        row("an unknown user", at(&server).username("nobody").password(SECRET), Configuration, &[user]),
        row("a user without a password", at(&server).username("shop"), Configuration, &["set `password`"]),
        row("a database that is not there", at(&server).database(99), Configuration, &["`database`"]),
        row("no cluster", at(&server).topology(session_redis::Topology::Cluster), Configuration, &["`topology`"]),
        row("Redis 6.2", patient(old.url()), Configuration, &["redis 6.2.14", "Redis 7.0", "Valkey 7.2"]),
    ];
    for row in rows {
        let connecting = RedisStore::builder(row.config.clone()).tombstone(TOMBSTONE).connect();
        row.check(guarded(connecting).await);
    }
}

/// A failure that may pass is awaited until the start deadline. The text has the address and the cause of the last attempt.
#[tokio::test]
async fn outages() {
    let (down, primary, replica) = tokio::join!(Server::start(), Server::start(), Server::start());
    down.kill().await;
    replica.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]).await.expect("REPLICAOF");
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let (down, replica) = (down.addr().to_string(), replica.addr().to_string());
    let soon = |url: String| patient(url).start_deadline(Duration::from_millis(500));
    let file = "/nowhere/redis.sock";
    let late = soon(format!("rediss://{silent}")).connect_deadline(Duration::from_millis(100));
    let rows = [
        row("no server", soon(format!("redis://:{SECRET}@{down}")), Unavailable, &[&down, "connection refused"]),
        row("no socket file", soon(format!("redis+unix://{file}")), Unavailable, &[file, "no such file"]),
        row("a replica", soon(format!("redis://{replica}")), Unavailable, &[&replica, "is a replica"]),
        row("TLS on a plain port", late, Unavailable, &[&silent, "check that its port speaks TLS"]),
    ];
    for row in rows {
        let connecting = RedisStore::builder(row.config.clone()).tombstone(TOMBSTONE).connect();
        row.check(guarded(connecting).await);
    }
}

/// A name that is not known: how long that takes is up to the resolver.
#[tokio::test]
async fn an_unknown_name() {
    let config = patient("redis://nowhere.invalid").start_deadline(Duration::from_millis(500)).connect_deadline(LONG);
    let error = guarded(RedisStore::builder(config).tombstone(TOMBSTONE).connect()).await.unwrap_err();
    assert_eq!(error.kind(), Unavailable);
    assert!(error.to_string().contains("nowhere.invalid"), "{error}");
}
