//! What is stored under the prefix.

use session_redis::{RedisConfig, Report, Severity};
use session_testkit::{Reply, Server};

use crate::ward::{assert_found, assert_only, assert_sound, examine, sound, store};

/// A server with some sessions, one of them destroyed.
async fn server() -> Server {
    let server = sound(Server::builder()).start().await;
    let sessions = store(RedisConfig::standalone(server.url())).await;
    for user in 0..30 {
        let mut session = sessions.create().expect("random bytes");
        session.set("user", user).expect("it is recorded");
        session.commit().await.expect("it is stored");
        if user == 0 {
            session.destroy().await.expect("it is ended");
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
async fn sessions_are_counted_and_weighed() {
    let server = server().await;
    let found = report(&server).await;
    assert_sound(&found);
    assert_found(&found, Severity::Info, "sample", "29 are sessions and 1 tombstones");
    assert_found(&found, Severity::Ok, "sessions-without-ttl", "");
    assert_found(&found, Severity::Ok, "foreign-keys", "");
    assert_found(&found, Severity::Info, "memory-per-session", " 0 % are in the encoding of large hashes");
    server.command(&["CONFIG", "SET", "hash-max-listpack-entries", "0"]).await.expect("the server obeys");
    for key in keys(&server).await {
        server.command(&[b"HSET".as_slice(), &key, b"!", b"an unknown field is left alone"]).await.expect("it is set");
    }
    assert_found(&report(&server).await, Severity::Info, "memory-per-session", " 100 % are");
}

/// The sample ends when it is large enough, and does not take all rounds where there is little.
#[tokio::test]
async fn the_sample_is_bounded() {
    let server = server().await;
    let config = crate::ward::as_doctor(RedisConfig::standalone(server.url()));
    let doctor = session_redis::Doctor::new(config).store_user("shop");
    let found = doctor.clone().samples(7).examine().await.unwrap();
    assert_found(&found, Severity::Info, "sample", "of 7 keys");
    server.command(&["CONFIG", "RESETSTAT"]).await.expect("counters start anew");
    for other in 0..3_000 {
        server.command(&["SET".to_owned(), format!("other:{other}"), String::new()]).await.expect("it is set");
    }
    doctor.samples(20).examine().await.unwrap();
    let stats = server.command(&["INFO", "commandstats"]).await.text();
    let scans =
        stats.lines().find_map(|line| line.strip_prefix("cmdstat_scan:calls=")?.split(',').next()?.parse().ok());
    assert!(scans.is_some_and(|scans: u32| scans <= 4), "{scans:?} rounds for 20 keys");
}

#[tokio::test]
async fn a_session_that_never_ends() {
    let server = server().await;
    let key = keys(&server).await.remove(0);
    server.command(&[b"PERSIST".as_slice(), &key]).await.expect("it is persisted");
    assert_only(&report(&server).await, Severity::Critical, "sessions-without-ttl", "1 of 30 sessions");
}

#[tokio::test]
async fn keys_of_others() {
    let server = server().await;
    server.command(&["SET", "shop:cart", "x"]).await.expect("it is set");
    assert_only(&report(&server).await, Severity::Warning, "foreign-keys", "1 keys under");
    let key = keys(&server).await.remove(0);
    server.command(&[b"SET".as_slice(), &key, b"x", b"KEEPTTL"]).await.expect("it is set");
    assert_found(&report(&server).await, Severity::Critical, "foreign-keys", "another type");
}

#[tokio::test]
async fn partitions() {
    let server = sound(Server::builder()).start().await;
    assert_found(&report(&server).await, Severity::Info, "partitions", "no store was ever opened");
    store(RedisConfig::standalone(server.url())).await;
    assert_found(&report(&server).await, Severity::Ok, "partitions", "256 partitions");
    let found = examine(RedisConfig::standalone(server.url()).partitions(64)).await;
    assert_only(&found, Severity::Critical, "partitions", "in 256 partitions, and 64 are configured");
    server.command(&["SET", "shop:layout", "9:256"]).await.expect("it is set");
    assert_only(&report(&server).await, Severity::Critical, "partitions", "another version");
    server.command(&["DEL", "shop:layout"]).await.expect("it is gone");
    server.command(&["SADD", "shop:layout", "x"]).await.expect("it is set");
    assert_found(&report(&server).await, Severity::Critical, "partitions", "something else");
}
