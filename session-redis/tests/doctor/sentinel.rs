//! A deployment under Sentinel. It takes long to start, so one deployment gets several problems in turn.

use std::time::Duration;

use session_redis::{
    RedisConfig, Sentinel,
    doctor::{Report, Severity},
};
use session_testkit::{SentinelTrio, Server};

use crate::fixture::{assert_found, assert_healthy, assert_only, examine, healthy};

/// The permissions at the sentinels, as documented.
const AT_SENTINELS: &str = "watcher on >secret -@all +ping +hello +acl|getuser +sentinel|master +sentinel|replicas \
                            +sentinel|ckquorum";

fn named(master: &str) -> Sentinel {
    Sentinel::new(master).username("watcher").password("secret")
}

async fn start() -> SentinelTrio {
    // Long enough that no failover happens while servers are down.
    let trio = SentinelTrio::builder().down_after(Duration::from_secs(60)).min_replicas_to_write(1, 10);
    let users = |sentinel: session_testkit::ServerBuilder| sentinel.acl_user("default off").acl_user(AT_SENTINELS);
    trio.each(healthy).each_sentinel(users).start().await
}

fn config(trio: &SentinelTrio) -> RedisConfig {
    RedisConfig::sentinel(trio.sentinel_urls(), named(trio.master_name()))
}

async fn report(trio: &SentinelTrio) -> Report {
    examine(config(trio)).await
}

async fn set(server: &Server, name: &str, value: &str) {
    server.command(&["CONFIG", "SET", name, value]).await.expect("the command succeeds");
}

async fn set_all(sentinels: &[Server], name: &str, value: &str) {
    for sentinel in sentinels {
        sentinel.command(&["SENTINEL", "SET", "mymaster", name, value]).await.expect("the command succeeds");
    }
}

#[tokio::test]
async fn lag_and_failover() {
    let trio = start().await;
    let healthy = report(&trio).await;
    assert_healthy(&healthy);
    for check in ["quorum", "min-replicas", "max-lag", "replicas", "replica-link", "clocks"] {
        assert_found(&healthy, Severity::Ok, check, "");
    }
    let servers = trio.servers().len();
    let examined = healthy.findings().iter().filter(|finding| finding.check() == "eviction").count();
    assert_eq!(examined, servers, "replicas are examined too:\n{healthy}");
    let primary = trio.primary().await;
    set(primary, "min-replicas-max-lag", "60").await;
    assert_only(&report(&trio).await, Severity::Critical, "max-lag", "answers loads with old sessions");
    set(primary, "min-replicas-max-lag", "59").await;
    assert_only(&report(&trio).await, Severity::Warning, "max-lag", "before it stops");
    set(primary, "min-replicas-max-lag", "0").await;
    assert_only(&report(&trio).await, Severity::Critical, "min-replicas", "is off");
    set(primary, "min-replicas-max-lag", "10").await;
    set(primary, "min-replicas-to-write", "0").await;
    assert_only(&report(&trio).await, Severity::Critical, "min-replicas", "is off");
    set(primary, "min-replicas-to-write", "1").await;
    // The sentinel with the shortest time counts.
    set_all(&trio.sentinels()[..1], "down-after-milliseconds", "9000").await;
    assert_only(&report(&trio).await, Severity::Critical, "max-lag", "9000 ms");
}

#[tokio::test]
async fn sentinels() {
    let trio = start().await;
    set_all(trio.sentinels(), "quorum", "1").await;
    assert_only(&report(&trio).await, Severity::Warning, "quorum", "isolated");
    set_all(trio.sentinels(), "quorum", "4").await;
    assert_only(&report(&trio).await, Severity::Critical, "quorum", "no failover");
    set_all(trio.sentinels(), "quorum", "2").await;
    let found = examine(config(&trio).urls(trio.sentinel_urls().into_iter().take(1))).await;
    assert_healthy(&found);
    assert_found(&found, Severity::Info, "sentinels", "1 of 3 sentinels");
    let unknown = RedisConfig::sentinel(trio.sentinel_urls(), named("unknown"));
    assert_only(&examine(unknown).await, Severity::Critical, "sentinels", "no primary named `unknown`");
    trio.sentinels()[0].kill().await;
    assert_only(&report(&trio).await, Severity::Warning, "sentinels", "cannot be reached");
    for sentinel in &trio.sentinels()[1..] {
        sentinel.kill().await;
    }
    assert_found(&report(&trio).await, Severity::Critical, "sentinels", "no sentinel reports");
}

#[tokio::test]
async fn replicas() {
    let trio = start().await;
    let primary = trio.primary().await;
    let replicas = trio.replicas().await;
    replicas[0].command(&["ACL", "DELUSER", "shop"]).await.expect("the command succeeds");
    assert_only(&report(&trio).await, Severity::Critical, "store-user", "users are not replicated");
    replicas[0].kill().await;
    primary
        .wait("a replica is gone", || async { (primary.info("connected_slaves").await? == "1").then_some(()) })
        .await;
    let found = report(&trio).await;
    assert_only(&found, Severity::Warning, "connect", "cannot be reached");
    assert_found(&found, Severity::Info, "min-replicas", "if one fails");
    replicas[1].kill().await;
    primary.wait("both are gone", || async { (primary.info("connected_slaves").await? == "0").then_some(()) }).await;
    let found = report(&trio).await;
    assert_found(&found, Severity::Critical, "replicas", "no replica");
    assert_found(&found, Severity::Critical, "min-replicas", "all loads and writes are refused now");
    primary.command(&["REPLICAOF", "127.0.0.1", "1"]).await.expect("the primary steps down");
    assert_found(&report(&trio).await, Severity::Critical, "role", "reports that it is a replica");
}
