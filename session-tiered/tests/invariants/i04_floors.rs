//! A load with a floor gets that state or a later one, on any node.

use std::sync::atomic::Ordering::SeqCst;

use session_core::{Floor, LoadOptions, store::SessionStore as _};

use crate::stage::{Stage, begin, is_hit, settle, value_of, warm, write};

#[tokio::test]
async fn a_copy_below_the_floor_does_not_answer() {
    let stage = Stage::new();
    let (a, b) = (stage.node(), stage.node());
    let (id, _) = stage.session("1").await;
    warm(&a, &id).await;
    warm(&b, &id).await;
    b.remote().wire.feed_held.send_replace(true);
    let floor = Floor::from(write(&a, &id, "2").await);
    assert!(is_hit(&b, &id).await, "without a floor the older copy answers");
    let found = b.load(&id, LoadOptions { floor: Some(floor), ..LoadOptions::default() }).await.unwrap();
    assert_eq!(value_of(found).as_deref(), Some("2"));
    assert_eq!(b.stats().history_lost, 0);
}

/// A load in flight may have left before the write of the floor.
#[tokio::test]
async fn who_joins_a_load_gets_no_less_than_the_floor() {
    let stage = Stage::of_one_partition();
    let (a, b) = (stage.node(), stage.node());
    let (id, _) = stage.session("1").await;
    let (other, _) = stage.session("x").await;
    warm(&b, &other).await;
    b.remote().wire.feed_held.send_replace(true);
    b.remote().wire.hold();
    let first = begin(&b, &id);
    b.remote().wire.wait_for_held(1).await;
    let floor = Floor::from(write(&a, &id, "2").await);
    let at_floor = LoadOptions { floor: Some(floor), ..LoadOptions::default() };
    let joined = {
        let b = b.clone();
        tokio::spawn(async move { b.load(&id, at_floor).await.unwrap() })
    };
    settle().await;
    assert_eq!(b.stats().joined, 1, "it waits for the load in flight, or this tests nothing");
    b.remote().wire.release();
    assert_eq!(value_of(first.await.unwrap()).as_deref(), Some("1"));
    assert_eq!(value_of(joined.await.unwrap()).as_deref(), Some("2"));
}

/// A floor above what the store has is a lost write, or was forged by a client. Another load would not help, so one load
/// settles it. Operators are alarmed by lost history, so a client must not be able to make a node count any.
#[tokio::test]
async fn a_floor_that_the_store_does_not_reach_costs_one_load_and_is_no_lost_history() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, stamp) = stage.session("1").await;
    warm(&node, &id).await;
    for (unmet, version) in [(1, 7), (2, 1 << 31), (3, u64::MAX)] {
        let floor = Floor { incarnation: stamp.incarnation(), version };
        let loads = node.remote().wire.loads.load(SeqCst);
        let found = node.load(&id, LoadOptions { floor: Some(floor), ..LoadOptions::default() }).await.unwrap();
        assert_eq!(value_of(found).as_deref(), Some("1"));
        assert_eq!(node.remote().wire.loads.load(SeqCst), loads + 1);
        assert_eq!((node.stats().history_lost, node.stats().floors_unmet), (0, unmet));
    }
    assert!(is_hit(&node, &id).await, "the floor is the caller's alone");
    let elsewhere = Floor { incarnation: 7.into(), version: u64::MAX };
    node.load(&id, LoadOptions { floor: Some(elsewhere), ..LoadOptions::default() }).await.unwrap();
    assert_eq!(node.stats().floors_unmet, 3, "a floor of another session does not apply");
}
