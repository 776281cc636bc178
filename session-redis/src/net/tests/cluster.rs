//! A cluster: slots, redirections, failovers.

use std::collections::BTreeMap;

use redis::Value;
use session_core::ErrorKind;
use session_testkit::{Certificates, Cluster, Server};

use super::*;
use crate::{
    TlsConfig,
    net::{Failure, Resend},
};

async fn slot_of(cluster: &Cluster, key: &str) -> HashSlot {
    let slot = cluster.nodes()[0].command(&["CLUSTER", "KEYSLOT", key]).await.int();
    HashSlot::new(u16::try_from(slot).unwrap())
}

/// Only redirections reveal changes within an hour.
fn quiet(cluster: &Cluster) -> RedisConfig {
    RedisConfig::cluster(cluster.urls()).call_deadline(GUARD).health_interval(LONG)
}

#[tokio::test]
async fn every_slot_has_its_primary() {
    let cluster = Cluster::start(3, 0).await;
    let (net, probe) = connect(quiet(&cluster)).await;
    for tag in 0..30 {
        let key = format!("{{{tag}}}:a");
        let slot = slot_of(&cluster, &key).await;
        net.command(net.deadline(), slot, &command(&["SET", &key, "1"]), Resend::Never).await.unwrap();
    }
    assert_eq!(net.stats().redirections.get(), 0);
    let mut slots = BTreeMap::new();
    for primary in net.primaries().await.unwrap() {
        for range in &primary.slots {
            slots.insert(*range.start(), *range.end());
        }
        net.dial(&primary.address, None::<crate::net::close_signal::CloseOnDrop>).await.unwrap();
    }
    let mut next = 0;
    for (first, last) in slots {
        assert_eq!(first, next);
        next = last + 1;
    }
    assert_eq!(next, 16_384);
    assert_eq!((probe.prepared(), probe.regained(), net.in_flight()), (3, 0, 0));
}

#[tokio::test]
async fn a_slot_that_moved_is_followed_and_remembered() {
    let cluster = Cluster::start(2, 0).await;
    let (net, _) = connect(quiet(&cluster)).await;
    let slot = slot_of(&cluster, "{m}:a").await;
    let increment = command(&["INCR", "{m}:a"]);
    net.command(net.deadline(), slot, &increment, Resend::Never).await.unwrap();
    let old = cluster.primary_of(slot.number()).await.id().to_owned();
    let new = cluster.nodes().iter().find(|node| node.id() != old).unwrap();
    cluster.migrate_slot(slot.number(), new).await;
    assert_eq!(net.command(net.deadline(), slot, &increment, Resend::Never).await.unwrap(), Value::Int(2));
    assert_eq!(net.stats().redirections.get(), 1);
    let primaries = net.primaries().await.unwrap();
    let owner = primaries.iter().find(|primary| primary.slots.iter().any(|run| run.contains(&slot.number()))).unwrap();
    assert_eq!(owner.address.to_string(), new.addr().to_string());
    let mut pipeline = redis::pipe();
    pipeline.cmd("INCR").arg("{m}:a").cmd("INCR").arg("{m}:a");
    let replies = net.pipeline(net.deadline(), slot, &pipeline, Resend::Never).await.unwrap();
    assert_eq!(replies, [Value::Int(3), Value::Int(4)]);
    assert_eq!(net.stats().redirections.get(), 1, "the new place is known");
}

/// While a slot moves, some keys are at one node and some at the other; each command must be executed once.
#[tokio::test]
async fn a_slot_on_its_way_is_followed_key_by_key() {
    let cluster = Cluster::start(2, 0).await;
    let (net, _) = connect(quiet(&cluster)).await;
    let slot = slot_of(&cluster, "{k}:gone").await;
    for key in ["{k}:gone", "{k}:here"] {
        net.command(net.deadline(), slot, &command(&["SET", key, "10"]), Resend::Never).await.unwrap();
    }
    let old = cluster.primary_of(slot.number()).await.id().to_owned();
    let new = cluster.nodes().iter().find(|node| node.id() != old).unwrap();
    let moving = cluster.begin_move(slot.number(), new).await;
    moving.move_these(&["{k}:gone"]).await;
    let mut pipeline = redis::pipe();
    pipeline.cmd("INCR").arg("{k}:here").cmd("INCR").arg("{k}:gone").cmd("INCR").arg("{k}:here");
    let replies = net.pipeline(net.deadline(), slot, &pipeline, Resend::Never).await.unwrap();
    assert_eq!(replies, [Value::Int(11), Value::Int(11), Value::Int(12)]);
    assert_eq!(
        net.command(net.deadline(), slot, &command(&["INCR", "{k}:gone"]), Resend::Never).await.unwrap(),
        Value::Int(12)
    );
    let (reply, _) =
        net.durable(net.deadline(), slot, (&command(&["INCR", "{k}:gone"]), 0), Resend::Never).await.unwrap();
    assert_eq!(reply, Value::Int(13));
    assert_eq!(net.stats().redirections.get(), 3);
    // Both keys at once: neither node can serve this until the move is done.
    let both = tokio::spawn({
        let net = net.clone();
        async move { net.command(net.deadline(), slot, &command(&["MGET", "{k}:here", "{k}:gone"]), Resend::Never).await }
    });
    cluster.wait("a TRYAGAIN", || async { (net.stats().resends.get() > 0).then_some(()) }).await;
    moving.move_keys(10).await;
    moving.finish().await;
    assert_eq!(guarded(both).await.unwrap().unwrap(), Value::Array(vec![bulk("12"), bulk("13")]));
}

#[tokio::test]
async fn a_pipeline_of_reads_follows_as_a_whole() {
    let cluster = Cluster::start(2, 0).await;
    let (net, _) = connect(quiet(&cluster)).await;
    let slot = slot_of(&cluster, "{p}:a").await;
    net.command(net.deadline(), slot, &command(&["SET", "{p}:a", "1"]), Resend::Never).await.unwrap();
    let old = cluster.primary_of(slot.number()).await.id().to_owned();
    let new = cluster.nodes().iter().find(|node| node.id() != old).unwrap();
    let moving = cluster.begin_move(slot.number(), new).await;
    moving.move_these(&["{p}:a"]).await;
    let mut pipeline = redis::pipe();
    pipeline.cmd("GET").arg("{p}:a").cmd("PTTL").arg("{p}:a");
    let replies = net.pipeline(net.deadline(), slot, &pipeline, Resend::Harmless).await.unwrap();
    assert_eq!(replies, [bulk("1"), Value::Int(-1)]);
    moving.finish().await;
    let replies = net.pipeline(net.deadline(), slot, &pipeline, Resend::Harmless).await.unwrap();
    assert_eq!(replies, [bulk("1"), Value::Int(-1)]);
}

#[tokio::test]
async fn a_primary_dies_and_its_replica_takes_over() {
    let cluster = Cluster::start(3, 1).await;
    let (net, probe) = connect(quiet(&cluster)).await;
    let slot = slot_of(&cluster, "{f}:a").await;
    net.command(net.deadline(), slot, &command(&["SET", "{f}:a", "1"]), Resend::Never).await.unwrap();
    let old = cluster.primary_of(slot.number()).await;
    old.kill().await;
    let failed_over =
        guarded(net.command(net.deadline(), slot, &command(&["ECHO", "a"]), Resend::Harmless)).await.unwrap();
    assert_eq!(failed_over, bulk("a"));
    assert!(probe.regained() >= 1);
    let primaries = net.primaries().await.unwrap();
    assert!(primaries.iter().all(|primary| primary.address.to_string() != old.addr().to_string()), "{primaries:?}");
    assert_eq!(primaries.len(), 3);
    assert_eq!(net.in_flight(), 0);
}

#[tokio::test]
async fn a_replica_takes_over_in_order() {
    let cluster = Cluster::start(3, 1).await;
    let (net, _) = connect(quiet(&cluster)).await;
    let slot = slot_of(&cluster, "{o}:a").await;
    let increment = command(&["INCR", "{o}:a"]);
    net.command(net.deadline(), slot, &increment, Resend::Never).await.unwrap();
    let replica = cluster.replicas_of(slot.number()).await[0];
    cluster.fail_over_to(replica).await;
    assert_eq!(guarded(net.command(net.deadline(), slot, &increment, Resend::Never)).await.unwrap(), Value::Int(2));
}

#[tokio::test]
async fn one_living_seed_is_enough() {
    let cluster = Cluster::start(2, 0).await;
    let dead = Server::start().await;
    dead.kill().await;
    let urls = [dead.url(), cluster.urls().remove(1)];
    let (net, _) = connect(RedisConfig::cluster(urls).call_deadline(GUARD)).await;
    assert_eq!(net.primaries().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_topology_that_is_not_there() {
    let (cluster, server) = tokio::join!(Cluster::start(2, 0), Server::start());
    let alone = config(cluster.urls().remove(0)).call_deadline(LONG);
    let error = try_connect(alone, Probe::new()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("`cluster`"), "{error}");
    let together = RedisConfig::cluster([server.url()]).call_deadline(LONG);
    let error = try_connect(together, Probe::new()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("`standalone`"), "{error}");
}

#[tokio::test]
async fn login_and_tls_hold_for_all_nodes() {
    let certificates = Certificates::new();
    let cluster =
        Cluster::builder().primaries(2).replicas_each(0).each(|node| node.tls(&certificates).password("right"));
    let cluster = cluster.start().await;
    let config = RedisConfig::cluster(cluster.tls_urls().iter().map(|url| bare(url)))
        .tls(TlsConfig::new().ca(certificates.ca_pem()))
        .call_deadline(LONG);
    let error = try_connect(config.clone().password("wrong"), Probe::new()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let (net, probe) = connect(config.password("right")).await;
    assert_eq!(probe.prepared(), 2);
    for tag in 0..10 {
        let key = format!("{{{tag}}}:a");
        let slot = slot_of(&cluster, &key).await;
        guarded(net.command(net.deadline(), slot, &command(&["SET", &key, "1"]), Resend::Never)).await.unwrap();
    }
}

/// A URL without its login.
fn bare(url: &str) -> String {
    format!("rediss://{}", url.rsplit(['@', '/']).next().unwrap())
}

#[tokio::test]
async fn a_slot_without_a_primary() {
    let cluster = Cluster::builder()
        .primaries(2)
        .replicas_each(0)
        .each(|node| node.config("cluster-require-full-coverage", "no"))
        .start()
        .await;
    let config = quiet(&cluster).call_deadline(Duration::from_millis(300));
    let (net, _) = connect(config).await;
    let slot = slot_of(&cluster, "{n}:a").await;
    for node in cluster.nodes() {
        node.command(&["CLUSTER", "DELSLOTS", &slot.number().to_string()]).await;
    }
    let failure =
        guarded(net.command(net.deadline(), slot, &command(&["INCR", "{n}:a"]), Resend::Never)).await.unwrap_err();
    assert!(matches!(failure, Failure::RefusedThroughout(_) | Failure::Unsent(_)), "{failure:?}");
    assert_eq!(failure.into_write_error().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn nothing_is_left_of_a_dropped_net() {
    let cluster = Cluster::builder().primaries(2).replicas_each(0).behind_links().start().await;
    let (net, probe) = connect(RedisConfig::cluster(cluster.nodes().iter().map(|node| node.url()))).await;
    drop(net);
    for node in cluster.nodes() {
        node.link().wait_for_links(0).await;
    }
    assert_eq!(probe.regained(), 0);
}
