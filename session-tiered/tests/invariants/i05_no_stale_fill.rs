//! A fill is installed only if no newer state became known, and no change can have been missed, while it was in flight.

use session_core::{
    SessionId,
    store::{GapCause, LoadOutcome},
};
use tokio::task::JoinHandle;

use crate::stage::{BOUND, Node, Stage, begin, is_hit, read, settle, value_of, write};

/// A node whose epoch has just ended, and a fill that has read the session and whose answer is held back.
async fn fill_in_flight() -> (Stage, Node, SessionId, JoinHandle<LoadOutcome>) {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.gap(None, GapCause::Missed);
    settle().await;
    node.remote().wire.hold();
    let fill = begin(&node, &id);
    node.remote().wire.wait_for_held(1).await;
    (stage, node, id, fill)
}

#[tokio::test]
async fn a_change_that_is_heard_meanwhile() {
    let (stage, node, id, fill) = fill_in_flight().await;
    write(&stage.store, &id, "new").await;
    settle().await;
    node.remote().wire.release();
    fill.await.unwrap();
    node.remote().wire.feed_held.send_replace(true);
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().fills_rejected, 1);
}

#[tokio::test]
async fn an_epoch_that_ends_meanwhile() {
    let (stage, node, id, fill) = fill_in_flight().await;
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &id, "new").await;
    // The change is lost with the connection.
    node.remote().wire.gap(None, GapCause::Reconnected);
    node.remote().wire.feed_held.send_replace(false);
    settle().await;
    node.remote().wire.release();
    assert_eq!(value_of(fill.await.unwrap()).as_deref(), Some("old"));
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}

/// A caller that comes after the change was received must not get the answer of the load in flight.
#[tokio::test]
async fn who_joins_gets_no_less_than_what_was_heard_by_then() {
    let (stage, node, id, first) = fill_in_flight().await;
    write(&stage.store, &id, "new").await;
    settle().await;
    let second = begin(&node, &id);
    settle().await;
    assert_eq!(node.stats().joined, 1);
    node.remote().wire.release();
    assert_eq!(value_of(first.await.unwrap()).as_deref(), Some("old"));
    assert_eq!(value_of(second.await.unwrap()).as_deref(), Some("new"));
}

/// A load that has been in flight for longer than the bound is not joined: the change that it misses may have been lost.
#[tokio::test]
async fn an_old_load_is_not_joined() {
    let (stage, node, id, first) = fill_in_flight().await;
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &id, "new").await;
    stage.pass(BOUND).await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().joined, 0);
    node.remote().wire.release();
    first.await.unwrap();
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}

/// All callers have gone. The load ends with them, and no later caller gets its answer.
#[tokio::test]
async fn a_load_without_callers_ends() {
    let (stage, node, id, fill) = fill_in_flight().await;
    fill.abort();
    settle().await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    write(&stage.store, &id, "new").await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().joined, 0);
}

/// A caller that began the load and goes away does not end it for the others.
#[tokio::test]
async fn a_caller_that_still_waits_gets_the_answer() {
    let (_stage, node, id, first) = fill_in_flight().await;
    let second = begin(&node, &id);
    settle().await;
    first.abort();
    settle().await;
    node.remote().wire.release();
    assert_eq!(value_of(second.await.unwrap()).as_deref(), Some("old"));
    settle().await;
    assert!(is_hit(&node, &id).await, "and it is installed");
}

/// Nor is a load joined that left before an epoch ended: it may bring a state that a failover has lost.
#[tokio::test]
async fn a_load_of_an_ended_epoch_is_not_joined() {
    let (_stage, node, id, first) = fill_in_flight().await;
    node.remote().wire.gap(None, GapCause::FailedOver);
    settle().await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(read(&node, &id).await.as_deref(), Some("old"));
    assert_eq!(node.stats().joined, 0);
    node.remote().wire.release();
    first.await.unwrap();
}
