//! Whatever may have been missed ends the epoch; what was cached is asked about again, not thrown away.

use session_core::{GapCause, SessionId, SessionStore as _};

use crate::stage::{Stage, is_hit, read, settle, warm, write};

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
        assert!(is_hit(&node, &id).await, "it is as good as before");
    }
}

/// A gap of one partition leaves the others alone.
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

/// Between the loss of the connection and the new one there is no lease.
#[tokio::test]
async fn nothing_is_served_until_the_feed_listens_again() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.gap(None, GapCause::Disconnected);
    node.remote().wire.mute.send_replace(true);
    node.remote().wire.mute.send_replace(false);
    settle().await;
    node.remote().wire.mute.send_replace(true);
    settle().await;
    write(&stage.store, &id, "new").await;
    for _ in 0..3 {
        assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    }
}
