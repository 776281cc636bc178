//! Once a node has heard of the end, or its lease has ended, it serves the session no more.

use session_core::store::{Absent, SessionStore as _, TouchOptions, TouchOutcome};

use crate::stage::{BOUND, Stage, begin, end, read, settle, warm};

#[tokio::test]
async fn after_the_change_is_heard() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    end(&stage.store, &id).await;
    settle().await;
    assert_eq!(read(&node, &id).await, None);
}

#[tokio::test]
async fn after_the_lease_has_ended() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.mute.send_replace(true);
    end(&stage.store, &id).await;
    stage.pass(BOUND).await;
    assert_eq!(read(&node, &id).await, None);
}

/// The fill had read the session before it ended.
#[tokio::test]
async fn a_fill_in_flight_resurrects_nothing() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    let (other, _) = stage.session("x").await;
    warm(&node, &other).await;
    node.remote().wire.hold();
    let fill = begin(&node, &id);
    node.remote().wire.has_read(1).await;
    end(&stage.store, &id).await;
    settle().await;
    let second = begin(&node, &id);
    settle().await;
    assert_eq!(node.stats().joined, 0, "whoever asks now must not be told what that load has read");
    node.remote().wire.release();
    fill.await.unwrap();
    assert_eq!(crate::stage::value_of(second.await.unwrap()), None);
    settle().await;
    assert_eq!(read(&node, &id).await, None);
}

/// The same, and nobody else asks meanwhile.
#[tokio::test]
async fn a_fill_that_lands_after_the_end_is_refused() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    let (other, _) = stage.session("x").await;
    warm(&node, &other).await;
    node.remote().wire.hold();
    let fill = begin(&node, &id);
    node.remote().wire.has_read(1).await;
    end(&stage.store, &id).await;
    settle().await;
    node.remote().wire.release();
    fill.await.unwrap();
    assert_eq!(node.stats().resurrections_refused, 1);
    assert_eq!(read(&node, &id).await, None);
}

/// A touch that was sent before the end says nothing to whoever touches after it.
#[tokio::test]
async fn a_touch_in_flight_is_not_joined_after_the_end() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.hold();
    let first = {
        let node = node.clone();
        tokio::spawn(async move { node.touch(&id, TouchOptions::default()).await })
    };
    node.remote().wire.has_read(1).await;
    end(&node, &id).await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    let second = futures_util::poll!(Box::pin(node.touch(&id, TouchOptions::default())));
    assert!(
        matches!(second, std::task::Poll::Ready(Ok(TouchOutcome::Absent(Absent::NotFound(Some(_)))))),
        "it asks for itself: {second:?}"
    );
    node.remote().wire.release();
    first.await.unwrap().unwrap();
}
