//! Once a node has heard of the end, or its lease has ended, it serves the session no more.

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
