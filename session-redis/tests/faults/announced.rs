//! Servers that announce addresses that clients cannot reach.

use std::time::Duration;

use session_core::{ErrorKind, store::SessionStore as _};
use session_redis::{RedisConfig, RedisStore, Sentinel};
use session_testkit::{Cluster, LinkCutter, SentinelTrio};

use crate::rig::{connect, create, done, found, kind, new};

/// An address for documentation: nothing is there.
const NOWHERE: &str = "192.0.2.1";

/// The nodes of a cluster name each other by an address inside of a NAT.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_a_cluster() {
    let cluster = Cluster::start(3, 0).await;
    for node in cluster.nodes() {
        let announce = ["CONFIG", "SET", "cluster-announce-hostname", NOWHERE];
        node.server().command(&announce).await.expect("CONFIG SET");
        let preferred = ["CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname"];
        node.server().command(&preferred).await.expect("CONFIG SET");
    }
    for node in cluster.nodes() {
        let known = async || {
            let nodes = node.server().command(&["CLUSTER", "NODES"]).await.text();
            (nodes.matches(NOWHERE).count() == cluster.nodes().len()).then_some(())
        };
        cluster.wait("every node knows what the others announce", known).await;
    }
    let config = || RedisConfig::cluster(cluster.urls()).partitions(64).health_interval(Duration::from_millis(100));
    let unmapped = config().call_deadline(Duration::from_secs(1)).connect_deadline(Duration::from_millis(300));
    assert_eq!(kind(RedisStore::builder(unmapped).connect().await), ErrorKind::Unavailable);

    let mapped = config().address_map([(NOWHERE, "127.0.0.1")]).call_deadline(Duration::from_secs(20));
    let store = connect(mapped).await;
    for _ in 0..32 {
        let (id, _) = create(&store, &new()).await;
        found(&store, &id).await;
    }
    done(store.feed().unwrap().subscribe().await);
}

/// The primary that the sentinels name is reached through a tunnel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_under_sentinel() {
    let trio = SentinelTrio::start().await;
    let primary = trio.primary().await;
    let tunnel = LinkCutter::to(primary.addr()).await;
    let pair = (primary.addr().to_string(), tunnel.addr().to_string());
    let config = RedisConfig::sentinel(trio.sentinel_urls(), Sentinel::new(trio.master_name()));
    let config = config.address_map([pair]).call_deadline(Duration::from_secs(20));
    let store = connect(config.health_interval(Duration::from_millis(20))).await;
    let (id, _) = create(&store, &new()).await;
    assert_eq!(tunnel.open_links(), 1, "the primary is reached through the tunnel only");
    // Sentinels go on naming the announced address, which is no reason to leave the primary.
    let recording = tunnel.record();
    crate::rig::until("some health checks", || recording.round_trips() > 8).await;
    found(&store, &id).await;
    assert_eq!((store.stats().demoted, store.stats().reconnects), (0, 0));
}

#[test]
fn a_map_that_cannot_be_read() {
    let config = RedisConfig::standalone("redis://localhost").address_map([("10.0.0.1:6379", "localhost")]);
    let error = config.validate().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("`address_map`"), "{error}");
}
