//! A slot that moves while its sessions are used, one step at a time.
//!
//! A mutating script uses two keys: the session and its partition's sequence. While they are at different nodes,
//! neither node can execute it (`TRYAGAIN`), and no key can be created in a moving slot together with one that is
//! there. Such calls wait, up to their deadline. Operations that use one key are served at every step.

use std::time::Duration;

use session_core::{
    ErrorKind, Expiry, LoadOptions, SessionId,
    store::{Absent, CreateOutcome, GapCause, LoadOutcome, NewSession, SessionStore, TouchOptions, TouchOutcome},
};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{Cluster, Node};
use tokio::task::JoinHandle;

use crate::{
    ledger::Ledger,
    listener::Listener,
    topology::{PARTITIONS, build, found, id_in, slot_of},
    until, within,
};

const PARTITION: u16 = 5;

/// A call that the servers refuse for now.
struct Waiting<T>(JoinHandle<T>);

impl<T: Send + 'static> Waiting<T> {
    async fn begin(store: &RedisStore, call: impl Future<Output = T> + Send + 'static) -> Self {
        let before = store.stats().resends;
        let call = Self(tokio::spawn(call));
        until("it is sent again", || async { (store.stats().resends > before + 1).then_some(()) }).await;
        call.must_wait();
        call
    }

    fn must_wait(&self) {
        assert!(!self.0.is_finished(), "a call was carried out whose keys are not in one place");
    }

    async fn end(self) -> T {
        within("the call that waited ends", self.0).await.expect("the call does not panic")
    }
}

/// The next update of a session.
async fn write(store: RedisStore, mut ledger: Ledger) -> Ledger {
    assert!(ledger.write(&store, 0).await, "an update was refused");
    ledger
}

/// The keys that a slot has at a node, except this one.
async fn keys(node: &Node, slot: u16) -> Vec<Vec<u8>> {
    let reply = node.command(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "100"]).await;
    let bytes = |key: &session_testkit::Reply| match key {
        session_testkit::Reply::Bulk(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    reply.items().iter().map(bytes).collect()
}

fn key_of<'a>(keys: &'a [Vec<u8>], id: &SessionId) -> &'a Vec<u8> {
    keys.iter().find(|key| key.ends_with(&id.digest().to_bytes())).expect("the key of the session")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_served_or_wait_at_every_step() {
    let cluster = Cluster::start(2, 0).await;
    let slot = slot_of(PARTITION, PARTITIONS);
    let from = cluster.primary_of(slot).await;
    let to = cluster.nodes().iter().find(|node| *node != from).unwrap();
    // Long enough for calls that must wait until the slot has moved.
    let config = RedisConfig::cluster(cluster.urls()).partitions(PARTITIONS).call_deadline(Duration::from_secs(60));
    let store = build(config).await;
    let one = Ledger::open(&store, id_in(PARTITION, PARTITIONS), 0, 0).await;
    let two = Ledger::open(&store, one.id().generate_sibling().unwrap(), 0, 0).await;
    let ids = [*one.id(), *two.id()];
    let new = one.id().generate_sibling().unwrap();
    let ledgers = [one, two];
    let mut listener = Listener::start(&store, &ledgers).await;
    let [one, two] = ledgers;

    let moving = cluster.begin_move(slot, to).await;
    let keys = keys(from, slot).await;
    assert_eq!(keys.len(), 3, "two sessions and the sequence");
    let one = write(store.clone(), one).await;
    assert_eq!(
        store.load(&new, LoadOptions::default()).await.unwrap(),
        LoadOutcome::Absent(Absent::NotFound(None)),
        "asked of both nodes"
    );
    let creating = Waiting::begin(&store, {
        let store = store.clone();
        async move { store.create(&new, &NewSession::generate(Expiry::default())?).await }
    })
    .await;

    moving.move_these(&[key_of(&keys, &ids[0])]).await;
    for id in &ids {
        assert!(
            matches!(store.load(id, LoadOptions::default()).await.unwrap(), LoadOutcome::Found(_)),
            "it is at one of the nodes"
        );
        let touched = store.touch(id, TouchOptions::default()).await.unwrap();
        assert!(matches!(touched, TouchOutcome::Touched(_)), "{touched:?}");
    }
    let two = write(store.clone(), two).await;
    let writing = Waiting::begin(&store, write(store.clone(), one)).await;

    let sequence: Vec<_> = keys.iter().filter(|key| key.ends_with(b":q")).collect();
    moving.move_these(&sequence).await;
    let one = writing.end().await;
    // The guard of a read must not be sent where the session is not.
    for id in &ids {
        found(&store, id).await;
    }
    let writing = Waiting::begin(&store, write(store.clone(), two)).await;
    let barrier = store.feed().unwrap().subscribe().await.unwrap().barriers().barrier(PARTITION).await;
    assert_eq!(barrier.unwrap_err().kind(), ErrorKind::Unavailable, "the feed still listens where nothing happens");

    moving.move_these(&[key_of(&keys, &ids[1])]).await;
    let two = writing.end().await;
    assert_eq!(moving.move_keys(10).await, 0, "nothing is left");
    creating.must_wait();
    moving.finish().await;
    let created = creating.end().await.unwrap();
    assert!(matches!(created, CreateOutcome::Created(_)), "{created:?}");
    listener.wait_for(GapCause::SlotMoved).await;

    let mut now = Vec::new();
    for ledger in [write(store.clone(), one).await, write(store.clone(), two).await] {
        let found = found(&store, ledger.id()).await;
        let tally = ledger.check(&found, 0, 0);
        assert_eq!((tally.acknowledged, tally.refused, tally.unanswered), (3, 0, 0));
        now.push((*ledger.id().digest(), found.record.stamp()));
    }
    let feed = listener.check(&now).await;
    assert_eq!(feed.gaps.into_iter().collect::<Vec<_>>(), [("slot moved", 2)], "when it left and when it arrived");
    assert_eq!((store.stats().timeouts, store.stats().in_flight), (0, 0));
}
