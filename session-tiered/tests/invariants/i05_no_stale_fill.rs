//! A fill is installed only if nothing was heard or missed while it was in flight that makes it old.

use session_core::store::GapCause;

use crate::stage::{BOUND, Stage, begin, is_hit, read, settle, value_of, warm, write};

/// A store with another session cached, so that there is a lease, and a fill that has read and not come home.
macro_rules! fill_in_flight {
    ($stage:ident, $node:ident, $id:ident, $fill:ident) => {
        let $stage = Stage::new();
        let $node = $stage.node();
        let ($id, _) = $stage.session("old").await;
        warm(&$node, &$id).await;
        $node.remote().wire.gap(None, GapCause::Missed);
        settle().await;
        $node.remote().wire.hold();
        let $fill = begin(&$node, &$id);
        $node.remote().wire.has_read(1).await;
    };
}

#[tokio::test]
async fn a_change_that_is_heard_meanwhile() {
    fill_in_flight!(stage, node, id, fill);
    write(&stage.store, &id, "new").await;
    settle().await;
    node.remote().wire.release();
    fill.await.unwrap();
    node.remote().wire.mute.send_replace(true);
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().fills_rejected, 1);
}

#[tokio::test]
async fn an_epoch_that_ends_meanwhile() {
    fill_in_flight!(stage, node, id, fill);
    node.remote().wire.mute.send_replace(true);
    write(&stage.store, &id, "new").await;
    // What was published is lost with the connection.
    node.remote().wire.gap(None, GapCause::Reconnected);
    node.remote().wire.mute.send_replace(false);
    settle().await;
    node.remote().wire.release();
    assert_eq!(value_of(fill.await.unwrap()).as_deref(), Some("old"));
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}

/// Who begins to wait after the change was heard must not get what the load in flight will bring.
#[tokio::test]
async fn who_joins_gets_no_less_than_what_was_heard_by_then() {
    fill_in_flight!(stage, node, id, first);
    write(&stage.store, &id, "new").await;
    settle().await;
    let second = begin(&node, &id);
    settle().await;
    assert_eq!(node.stats().joined, 1);
    node.remote().wire.release();
    assert_eq!(value_of(first.await.unwrap()).as_deref(), Some("old"));
    assert_eq!(value_of(second.await.unwrap()).as_deref(), Some("new"));
}

/// A load that has been under way for longer than the bound is not joined: nobody may have heard what it misses.
#[tokio::test]
async fn an_old_load_is_not_joined() {
    fill_in_flight!(stage, node, id, first);
    node.remote().wire.mute.send_replace(true);
    write(&stage.store, &id, "new").await;
    stage.pass(BOUND).await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().joined, 0);
    node.remote().wire.release();
    first.await.unwrap();
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}

/// All who waited have gone. The load ends with them; nobody is handed what it had read.
#[tokio::test]
async fn a_load_that_nobody_waits_for_is_gone() {
    fill_in_flight!(stage, node, id, fill);
    fill.abort();
    settle().await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    write(&stage.store, &id, "new").await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().joined, 0);
}

/// One who began the load and goes away does not take the others' answer along.
#[tokio::test]
async fn whoever_still_waits_gets_the_answer() {
    fill_in_flight!(stage, node, id, first);
    let second = begin(&node, &id);
    settle().await;
    first.abort();
    settle().await;
    node.remote().wire.release();
    assert_eq!(value_of(second.await.unwrap()).as_deref(), Some("old"));
    settle().await;
    assert!(is_hit(&node, &id).await, "and it is installed");
}

/// Nor is one that left before an epoch ended: it may bring what a failover has lost.
#[tokio::test]
async fn a_load_of_an_ended_epoch_is_not_joined() {
    fill_in_flight!(stage, node, id, first);
    node.remote().wire.gap(None, GapCause::FailedOver);
    settle().await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(read(&node, &id).await.as_deref(), Some("old"));
    assert_eq!(node.stats().joined, 0);
    node.remote().wire.release();
    first.await.unwrap();
}
