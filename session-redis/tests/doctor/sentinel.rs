//! Under Sentinel. Starting it takes long, so that one deployment goes through several illnesses.

use std::time::Duration;

use session_redis::{RedisConfig, Report, Sentinel, Severity};
use session_testkit::{SentinelTrio, Server};

use crate::ward::{assert_found, assert_only, assert_sound, examine, sound};

/// What the documentation says that sentinels must allow.
const AT_SENTINELS: &str = "watcher on >secret -@all +ping +hello +acl|getuser +sentinel|master +sentinel|replicas \
                            +sentinel|ckquorum";

fn named(master: &str) -> Sentinel {
    Sentinel::new(master).username("watcher").password("secret")
}

async fn start() -> SentinelTrio {
    // So long that nothing fails over while servers are away.
    let trio = SentinelTrio::builder().down_after(Duration::from_secs(60)).min_replicas_to_write(1, 10);
    let users = |sentinel: session_testkit::ServerBuilder| sentinel.acl_user("default off").acl_user(AT_SENTINELS);
    trio.each(sound).each_sentinel(users).start().await
}

fn config(trio: &SentinelTrio) -> RedisConfig {
    RedisConfig::sentinel(trio.sentinel_urls(), named(trio.master_name()))
}

async fn report(trio: &SentinelTrio) -> Report {
    examine(config(trio)).await
}

async fn set(server: &Server, name: &str, value: &str) {
    server.command(&["CONFIG", "SET", name, value]).await.expect("the server obeys");
}

async fn set_all(sentinels: &[Server], name: &str, value: &str) {
    for sentinel in sentinels {
        sentinel.command(&["SENTINEL", "SET", "mymaster", name, value]).await.expect("the sentinel obeys");
    }
}

#[tokio::test]
async fn the_lag_and_the_failover() {
    let trio = start().await;
    let sound = report(&trio).await;
    assert_sound(&sound);
    for check in ["quorum", "min-replicas", "max-lag", "replicas", "replica-link", "clocks"] {
        assert_found(&sound, Severity::Ok, check, "");
    }
    let servers = trio.servers().len();
    let examined = sound.findings().iter().filter(|finding| finding.check() == "eviction").count();
    assert_eq!(examined, servers, "replicas are examined too:\n{sound}");
    let primary = trio.primary().await;
    set(primary, "min-replicas-max-lag", "60").await;
    assert_only(&report(&trio).await, Severity::Critical, "max-lag", "still accepting writes");
    set(primary, "min-replicas-max-lag", "59").await;
    assert_only(&report(&trio).await, Severity::Warning, "max-lag", "before it stops");
    set(primary, "min-replicas-max-lag", "0").await;
    assert_only(&report(&trio).await, Severity::Critical, "min-replicas", "is off");
    set(primary, "min-replicas-max-lag", "10").await;
    set(primary, "min-replicas-to-write", "0").await;
    assert_only(&report(&trio).await, Severity::Critical, "min-replicas", "is off");
    set(primary, "min-replicas-to-write", "1").await;
    // The one who fails over first counts.
    set_all(&trio.sentinels()[..1], "down-after-milliseconds", "9000").await;
    assert_only(&report(&trio).await, Severity::Critical, "max-lag", "9000 ms");
}

#[tokio::test]
async fn sentinels() {
    let trio = start().await;
    set_all(trio.sentinels(), "quorum", "1").await;
    assert_only(&report(&trio).await, Severity::Warning, "quorum", "cut off");
    set_all(trio.sentinels(), "quorum", "4").await;
    assert_only(&report(&trio).await, Severity::Critical, "quorum", "no failover");
    set_all(trio.sentinels(), "quorum", "2").await;
    let found = examine(config(&trio).urls(trio.sentinel_urls().into_iter().take(1))).await;
    assert_sound(&found);
    assert_found(&found, Severity::Info, "sentinels", "1 of 3 sentinels");
    let unknown = RedisConfig::sentinel(trio.sentinel_urls(), named("nobody"));
    assert_only(&examine(unknown).await, Severity::Critical, "sentinels", "no primary called `nobody`");
    trio.sentinels()[0].kill().await;
    assert_only(&report(&trio).await, Severity::Warning, "sentinels", "cannot be reached");
    for sentinel in &trio.sentinels()[1..] {
        sentinel.kill().await;
    }
    assert_found(&report(&trio).await, Severity::Critical, "sentinels", "no sentinel tells");
}

#[tokio::test]
async fn replicas() {
    let trio = start().await;
    let primary = trio.primary().await;
    let replicas = trio.replicas().await;
    replicas[0].command(&["ACL", "DELUSER", "shop"]).await.expect("the replica obeys");
    assert_only(&report(&trio).await, Severity::Critical, "store-user", "users are not replicated");
    replicas[0].kill().await;
    primary
        .wait("a replica is gone", || async { (primary.info("connected_slaves").await? == "1").then_some(()) })
        .await;
    let found = report(&trio).await;
    assert_only(&found, Severity::Warning, "connect", "cannot be reached");
    assert_found(&found, Severity::Info, "min-replicas", "without one of them");
    replicas[1].kill().await;
    primary.wait("both are gone", || async { (primary.info("connected_slaves").await? == "0").then_some(()) }).await;
    let found = report(&trio).await;
    assert_found(&found, Severity::Critical, "replicas", "no replica");
    assert_found(&found, Severity::Critical, "min-replicas", "refused now");
    primary.command(&["REPLICAOF", "127.0.0.1", "1"]).await.expect("the primary steps down");
    assert_found(&report(&trio).await, Severity::Critical, "role", "says that it is a replica");
}
