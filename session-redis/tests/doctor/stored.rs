//! The keys under the prefix.

use session_redis::{
    RedisConfig,
    doctor::{Report, Severity},
};
use session_testkit::{Reply, Server};

use crate::fixture::{assert_found, assert_healthy, assert_only, examine, healthy, store};

/// A server with some sessions, one of them destroyed.
async fn server() -> Server {
    let server = healthy(Server::builder()).start().await;
    let sessions = store(RedisConfig::standalone(server.url())).await;
    for user in 0..30 {
        let mut session = sessions.create().expect("a new session");
        session.set("user", user).expect("recorded");
        session.commit().await.expect("stored");
        if user == 0 {
            session.destroy().await.expect("ended");
        }
    }
    server
}

async fn report(server: &Server) -> Report {
    examine(RedisConfig::standalone(server.url())).await
}

/// The keys of sessions.
async fn keys(server: &Server) -> Vec<Vec<u8>> {
    let Reply::Array(keys) = server.command(&["KEYS", "shop:1:*}:s:*"]).await else { panic!("no list") };
    keys.into_iter().filter_map(|key| if let Reply::Bulk(key) = key { Some(key.to_vec()) } else { None }).collect()
}

#[tokio::test]
async fn sessions_are_counted_and_measured() {
    let server = server().await;
    let found = report(&server).await;
    assert_healthy(&found);
    assert_found(&found, Severity::Info, "sample", "29 are sessions and 1 are tombstones");
    assert_found(&found, Severity::Ok, "sessions-without-ttl", "");
    assert_found(&found, Severity::Ok, "foreign-keys", "");
    assert_found(&found, Severity::Info, "memory-per-session", " 0 % have the encoding of large hashes");
    server.command(&["CONFIG", "SET", "hash-max-listpack-entries", "0"]).await.expect("the command succeeds");
    for key in keys(&server).await {
        server.command(&[b"HSET".as_slice(), &key, b"!", b"an unknown field is left alone"]).await.expect("set");
    }
    assert_found(&report(&server).await, Severity::Info, "memory-per-session", " 100 % have");
}

/// The sample stops when it is large enough, and needs few rounds where keys are rare.
#[tokio::test]
async fn the_sample_is_bounded() {
    let server = server().await;
    let config = crate::fixture::as_doctor(RedisConfig::standalone(server.url()));
    let doctor = session_redis::doctor::Doctor::new(config).store_user("shop");
    let found = doctor.clone().samples(7).examine().await.unwrap();
    assert_found(&found, Severity::Info, "sample", "of 7 sampled keys");
    server.command(&["CONFIG", "RESETSTAT"]).await.expect("counters start anew");
    for other in 0..3_000 {
        server.command(&["SET".to_owned(), format!("other:{other}"), String::new()]).await.expect("set");
    }
    doctor.samples(20).examine().await.unwrap();
    let stats = server.command(&["INFO", "commandstats"]).await.text();
    let scans =
        stats.lines().find_map(|line| line.strip_prefix("cmdstat_scan:calls=")?.split(',').next()?.parse().ok());
    assert!(scans.is_some_and(|scans: u32| scans <= 4), "{scans:?} rounds for 20 keys");
}

#[tokio::test]
async fn a_session_without_ttl() {
    let server = server().await;
    let key = keys(&server).await.remove(0);
    server.command(&[b"PERSIST".as_slice(), &key]).await.expect("persisted");
    assert_only(&report(&server).await, Severity::Critical, "sessions-without-ttl", "1 of 30 sessions");
}

#[tokio::test]
async fn foreign_keys() {
    let server = server().await;
    server.command(&["SET", "shop:cart", "x"]).await.expect("set");
    assert_only(&report(&server).await, Severity::Warning, "foreign-keys", "1 keys under");
    let key = keys(&server).await.remove(0);
    server.command(&[b"SET".as_slice(), &key, b"x", b"KEEPTTL"]).await.expect("set");
    assert_found(&report(&server).await, Severity::Critical, "foreign-keys", "another type");
}

#[tokio::test]
async fn partitions() {
    let server = healthy(Server::builder()).start().await;
    assert_found(&report(&server).await, Severity::Info, "partitions", "no store has ever been opened");
    store(RedisConfig::standalone(server.url())).await;
    assert_found(&report(&server).await, Severity::Ok, "partitions", "256 partitions");
    let found = examine(RedisConfig::standalone(server.url()).partitions(64)).await;
    assert_only(&found, Severity::Critical, "partitions", "in 256 partitions and 64 are configured");
    server.command(&["SET", "shop:layout", "9:256"]).await.expect("set");
    assert_only(&report(&server).await, Severity::Critical, "partitions", "another version");
    server.command(&["DEL", "shop:layout"]).await.expect("deleted");
    server.command(&["SADD", "shop:layout", "x"]).await.expect("set");
    assert_found(&report(&server).await, Severity::Critical, "partitions", "another type of value");
}
