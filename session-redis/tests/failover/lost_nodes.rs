//! Nodes whose loss stops part of the work, and that come back.

use session_core::{
    ErrorKind, LoadOptions, SessionId,
    store::{FeedItem, GapCause, SessionStore, TouchOptions},
};
use session_redis::RedisConfig;
use session_testkit::{Cluster, Persistence, Server};

use crate::{
    ledger::Ledger,
    listener::Listener,
    load::Load,
    topology::{PARTITIONS, connect, found, id_in, in_cluster, slot_of},
    until, within,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_slots_go_on_and_its_own_when_it_is_back() {
    let cluster = Cluster::builder().primaries(3).replicas_each(0);
    let cluster = cluster
        .each(|node| node.config("cluster-require-full-coverage", "no").persistence(Persistence::AofAlways))
        .start()
        .await;
    let store = in_cluster(&cluster, PARTITIONS).await;
    let node = cluster.primary_of(slot_of(0, PARTITIONS)).await;
    let mut away = Ledger::open(&store, id_in(0, PARTITIONS), 0, 0).await;
    let mut ledgers = Vec::new();
    for partition in [3, 4, 5, 6, 7] {
        ledgers.push(Ledger::open(&store, id_in(partition, PARTITIONS), 0, 0).await);
    }
    let mut listener = Listener::start(&store, &ledgers).await;
    for _ in 0..20 {
        assert!(away.write(&store, 0).await);
    }
    let load = Load::start(&store, ledgers);
    load.go_on(5).await;

    node.kill().await;
    let failed = || async { store.load(away.id(), LoadOptions::default()).await.err() };
    let error = until("the loss is noticed", failed).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!away.write(&store, 0).await, "a write that could not be sent was not done, and that is known");
    listener.wait_for(GapCause::Disconnected).await;
    load.go_on(20).await;

    node.restart().await;
    cluster.wait_until_agreed().await;
    until("its sessions can be read", || async { store.load(away.id(), LoadOptions::default()).await.ok() }).await;
    assert!(away.write(&store, 0).await);
    load.go_on(20).await;
    listener.wait_for(GapCause::Reconnected).await;
    let mut now = Vec::new();
    for ledger in &load.stop().await {
        let found = found(&store, ledger.id()).await;
        let tally = ledger.check(&found, 0, 0);
        assert_eq!((tally.refused, tally.unanswered), (0, 0), "the other nodes were there all the time");
        now.push((*ledger.id().digest(), found.record.stamp()));
    }
    let found = found(&store, away.id()).await;
    away.check(&found, 0, 0);
    let gaps = listener.check(&now).await.gaps;
    assert_eq!(gaps.into_iter().collect::<Vec<_>>(), [("disconnected", 3), ("reconnected", 3)], "3 of 8 partitions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_replica_a_primary_that_needs_one_refuses_and_loses_nothing() {
    let primary = Server::builder().config("min-replicas-to-write", 1).start().await;
    let replica = Server::builder().replica_of(&primary).start().await;
    replica.wait_for_primary_link().await;
    // Only the primary's view counts, and it arrives a moment later.
    let writable = || async { (primary.info("min_slaves_good_slaves").await? == "1").then_some(()) };
    until("the primary has its replica", writable).await;
    let store = connect(RedisConfig::standalone(primary.url()).partitions(PARTITIONS)).await;
    let mut ledger = Ledger::open(&store, SessionId::generate().unwrap(), 0, 1).await;
    let mut feed = store.feed().unwrap().subscribe().await.unwrap();
    assert!(ledger.write(&store, 0).await);

    replica.kill().await;
    within("writes are refused", async { while ledger.write(&store, 0).await {} }).await;
    let error = store.touch(ledger.id(), TouchOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    // The primary cannot tell this from being cut off and replaced, so its reads do not count.
    let error = store.load(ledger.id(), LoadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");

    replica.restart().await;
    until("the replica is back", || async { store.check().await.ok() }).await;
    assert!(ledger.write(&store, 0).await);
    let found = found(&store, ledger.id()).await;
    let tally = ledger.check(&found, 1, 0);
    assert!(tally.refused > 0 && tally.unanswered == 0, "a refusal is an answer: {tally:?}");

    // The primary was there all the time, and published nothing that it refused.
    let barriers = feed.barriers().clone();
    let partition = ledger.id().digest().partition() & (PARTITIONS as u16 - 1);
    let last = barriers.barrier(partition).await.unwrap();
    let mut changes = 0;
    loop {
        match within("the barrier comes", feed.next()).await.expect("the feed lives") {
            FeedItem::Barrier(_, barrier) if barrier == last => break,
            FeedItem::Change(_) => changes += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(changes, tally.acknowledged);
}
