//! On a cluster: slots that move, and primaries that change.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use session_core::{
    ErrorKind, SessionId,
    store::{ChangeFeed as _, FeedItem, GapCause, SessionStore as _, Subscription},
};
use session_testkit::{Cluster, ClusterBuilder, Direction, Node};
use tokio::time::{sleep, timeout};

use super::{
    super::{Feed, FeedOptions},
    rig::{next, unasked},
    stores::{feed_of, new_session},
};
use crate::{RedisConfig, RedisStore};

const PARTITIONS: u16 = 8;
/// Half of the slots of a cluster of two: partitions 0 to 3 are on the first node.
const MOVED: u16 = 3;

struct Rig {
    cluster: Cluster,
    store: RedisStore,
    _feed: Feed,
    items: Subscription,
}

impl Rig {
    async fn new(cluster: ClusterBuilder, options: FeedOptions) -> Self {
        let cluster = cluster.start().await;
        let config = RedisConfig::cluster(cluster.urls()).partitions(PARTITIONS.into());
        let store = RedisStore::builder(config).connect().await.unwrap();
        let feed = feed_of(&store, true, options);
        let items = feed.subscribe().await.unwrap();
        Self { cluster, store, _feed: feed, items }
    }

    fn slot(&self, partition: u16) -> u16 {
        self.store.inner.layout.partitions()[usize::from(partition)].slot
    }

    async fn node_of(&self, partition: u16) -> &Node {
        self.cluster.primary_of(self.slot(partition)).await
    }

    /// A change in this partition, which must be the next item.
    async fn expect_change(&mut self, partition: u16) {
        let id = loop {
            let id = SessionId::generate().unwrap();
            if id.digest().partition() & (PARTITIONS - 1) == partition {
                break id;
            }
        };
        self.store.create(&id, &new_session()).await.unwrap();
        match next(&mut self.items).await {
            Some(FeedItem::Change(change)) => assert_eq!(change.digest, *id.digest()),
            other => panic!("{other:?}"),
        }
    }

    /// The partitions that have a gap of this cause, one after another.
    async fn expect_gaps(&mut self, partitions: &[u16], cause: GapCause) {
        let mut seen = BTreeSet::new();
        while seen.len() < partitions.len() {
            match next(&mut self.items).await {
                Some(FeedItem::Gap(Some(partition), found)) if found == cause => assert!(seen.insert(partition)),
                other => panic!("{other:?} after {seen:?}"),
            }
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), partitions);
    }

    /// A barrier of every partition, and nothing else.
    async fn expect_silence(&mut self) {
        for partition in 0..PARTITIONS {
            let id = self.items.barriers().barrier(partition).await.unwrap();
            assert_eq!(next(&mut self.items).await, Some(FeedItem::Barrier(partition, id)));
        }
    }
}

fn two() -> ClusterBuilder {
    Cluster::builder().primaries(2).replicas_each(0)
}

#[tokio::test]
async fn changes_of_every_partition_are_received() {
    let mut rig = Rig::new(two(), unasked()).await;
    for partition in 0..PARTITIONS {
        rig.expect_change(partition).await;
    }
    rig.expect_silence().await;
}

#[tokio::test]
async fn a_slot_that_moves_takes_its_partition_along_and_no_other() {
    let mut rig = Rig::new(two(), unasked()).await;
    rig.expect_change(MOVED).await;
    let slot = rig.slot(MOVED);
    rig.cluster.migrate_slot(slot, &rig.cluster.nodes()[1]).await;
    rig.expect_gaps(&[MOVED], GapCause::SlotMoved).await;
    rig.expect_gaps(&[MOVED], GapCause::SlotMoved).await;
    rig.expect_silence().await;
    rig.expect_change(MOVED).await;
    rig.expect_change(0).await;
}

/// While a slot is being migrated, changes at its new node are not received: so there are no barriers.
#[tokio::test]
async fn a_slot_that_is_being_moved_has_no_barriers() {
    let mut rig = Rig::new(two(), unasked()).await;
    rig.expect_change(MOVED).await;
    let moving = rig.cluster.begin_move(rig.slot(MOVED), &rig.cluster.nodes()[1]).await;
    while moving.move_keys(10).await > 0 {}
    let error = rig.items.barriers().barrier(MOVED).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    moving.finish().await;
    rig.expect_gaps(&[MOVED], GapCause::SlotMoved).await;
    rig.expect_gaps(&[MOVED], GapCause::SlotMoved).await;
    rig.expect_silence().await;
}

#[tokio::test]
async fn a_primary_that_hands_over_is_left() {
    let mut rig = Rig::new(Cluster::builder().primaries(3).replicas_each(1), unasked()).await;
    let partitions = carried_by(&rig, rig.node_of(0).await).await;
    let replica = rig.cluster.replicas_of(rig.slot(0)).await[0];
    rig.cluster.fail_over_to(replica).await;
    // The old primary, now a replica, would accept the subscriptions: they must not go there.
    rig.expect_gaps(&partitions, GapCause::SlotMoved).await;
    rig.expect_gaps(&partitions, GapCause::SlotMoved).await;
    rig.expect_silence().await;
    rig.expect_change(0).await;
}

#[tokio::test]
async fn a_primary_that_dies_is_replaced() {
    let mut rig = Rig::new(Cluster::builder().primaries(3).replicas_each(1), unasked()).await;
    let old = rig.node_of(0).await;
    let partitions: Vec<u16> = carried_by(&rig, old).await;
    old.kill().await;
    rig.cluster.wait_for_new_primary(rig.slot(0), old).await;
    rig.expect_gaps(&partitions, GapCause::Disconnected).await;
    rig.expect_gaps(&partitions, GapCause::FailedOver).await;
    rig.expect_silence().await;
    rig.expect_change(0).await;
}

async fn carried_by(rig: &Rig, node: &Node) -> Vec<u16> {
    let mut carried = Vec::new();
    for partition in 0..PARTITIONS {
        if rig.node_of(partition).await.id() == node.id() {
            carried.push(partition);
        }
    }
    carried
}

/// redis-rs takes the end of a subscription for the answer to the oldest request in flight, and matches every later
/// answer to the wrong request. A barrier with the answer of an earlier request would precede changes that it vouches
/// for. Here the oldest request is an abandoned one, so that nothing else reveals the mistake.
#[tokio::test]
async fn a_withdrawn_subscription_does_not_give_answers_to_the_wrong_requests() {
    let options = FeedOptions { deadline: Duration::from_secs(20), ..unasked() };
    let rig = Rig::new(two().behind_links(), options).await;
    let barriers = rig.items.barriers().clone();
    let link = rig.cluster.nodes()[0].link();
    link.hold(Direction::Requests);
    let before = link.held_bytes(Direction::Requests);
    // The first request is sent, and its caller gives up.
    let given_up = timeout(Duration::from_millis(200), barriers.barrier(0)).await;
    assert!(given_up.is_err());
    link.wait_for_held(Direction::Requests, before + 1).await;
    let second = tokio::spawn({
        let barriers = Arc::clone(&barriers);
        async move { barriers.barrier(1).await }
    });
    // Until the connection is closed: the proxy cannot distinguish it from the connections of the store.
    sleep(Duration::from_millis(200)).await;
    rig.cluster.migrate_slot(rig.slot(MOVED), &rig.cluster.nodes()[1]).await;
    link.release(Direction::Requests);
    let error = second.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
