//! If a change may have been missed, the epoch ends. Its copies are revalidated, not thrown away.

use std::sync::atomic::Ordering::SeqCst;

use session_core::{
    LoadOptions, ReadLevel, SessionId,
    store::{GapCause, RotationKind, SessionStore as _},
};

use crate::stage::{BOUND, Stage, is_hit, read, rotate, settle, warm, write};

const CAUSES: [GapCause; 8] = [
    GapCause::Overflow,
    GapCause::Reconnected,
    GapCause::Missed,
    GapCause::Unreadable,
    GapCause::Disconnected,
    GapCause::SlotMoved,
    GapCause::Demoted,
    GapCause::FailedOver,
];

#[tokio::test]
async fn every_gap_ends_the_epoch() {
    for cause in CAUSES {
        let stage = Stage::new();
        let node = stage.node();
        let (id, _) = stage.session("old").await;
        warm(&node, &id).await;
        let before = node.stats();
        node.remote().wire.gap(None, cause);
        settle().await;
        assert!(!is_hit(&node, &id).await, "{cause:?}");
        let after = node.stats();
        assert_eq!((after.gaps, after.revalidated), (before.gaps + 1, before.revalidated + 1), "{cause:?}");
        assert!(after.epochs_ended > before.epochs_ended);
        settle().await;
        assert!(is_hit(&node, &id).await, "it is a hit again");
    }
}

/// A gap of one partition does not affect the others.
#[tokio::test]
async fn a_gap_of_one_partition() {
    let stage = Stage::new();
    let node = stage.node();
    let (one, _) = stage.session("1").await;
    let (two, _) = loop {
        let (two, stamp) = stage.session("2").await;
        if partition(&stage, &two) != partition(&stage, &one) {
            break (two, stamp);
        }
    };
    warm(&node, &one).await;
    warm(&node, &two).await;
    node.remote().wire.gap(Some(partition(&stage, &one)), GapCause::SlotMoved);
    settle().await;
    assert!(is_hit(&node, &two).await);
    assert!(!is_hit(&node, &one).await);
}

fn partition(stage: &Stage, id: &SessionId) -> u16 {
    let partitions = stage.store.feed().unwrap().partitions();
    id.digest().partition() & u16::try_from(partitions - 1).unwrap()
}

/// Between the loss of the connection and the next one there is no lease.
#[tokio::test]
async fn nothing_is_served_until_the_feed_listens_again() {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.gap(None, GapCause::Disconnected);
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.feed_held.send_replace(false);
    settle().await;
    node.remote().wire.feed_held.send_replace(true);
    settle().await;
    write(&stage.store, &id, "new").await;
    for _ in 0..3 {
        assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    }
}

/// The session was renewed in a gap. The copy at the old id, which is no longer in use, does not keep the new one out.
#[tokio::test]
async fn a_renewal_that_was_missed_leaves_room_for_the_new_id() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    warm(&node, &old).await;
    node.remote().wire.lossy.store(true, SeqCst);
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    settle().await;
    node.remote().wire.lossy.store(false, SeqCst);
    node.remote().wire.gap(None, GapCause::Reconnected);
    settle().await;
    warm(&node, &new).await;
}

/// A gap of an unknown partition may be in any partition.
#[tokio::test]
async fn a_gap_in_an_unknown_partition_is_everywhere() {
    let (_stage, node, id) = Stage::cached("old").await;
    node.remote().wire.gap(Some(u16::MAX), GapCause::Reconnected);
    settle().await;
    assert!(!is_hit(&node, &id).await);
}

/// While no heartbeat is answered, not every miss sends one.
#[tokio::test]
async fn misses_do_not_multiply_heartbeats_that_fail() {
    let stage = Stage::new();
    let node = stage.node();
    node.remote().wire.refuses_heartbeats.store(true, SeqCst);
    let (id, _) = stage.session("old").await;
    read(&node, &id).await;
    settle().await;
    let latest = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
    for _ in 0..100 {
        node.load(&id, latest).await.unwrap();
        settle().await;
    }
    assert!(node.stats().heartbeats < 10, "{:?}", node.stats());
    node.remote().wire.refuses_heartbeats.store(false, SeqCst);
    stage.pass(BOUND / 4).await;
    assert!(is_hit(&node, &id).await, "and the next one in turn brings the lease");
}

/// Ids distinguish no more partitions than this.
#[tokio::test]
async fn as_many_partitions_as_there_can_be() {
    let stage = Stage::with_partitions(4_096);
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
}
