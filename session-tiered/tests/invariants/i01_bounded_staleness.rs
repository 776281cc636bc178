//! No load is answered locally from a state that was replaced more than `max_staleness` ago.

use std::time::Duration;

use session_core::{LoadOptions, ReadLevel, store::SessionStore as _};

use crate::stage::{BOUND, Stage, is_hit, read, settle, value_of, write};

const TICK: Duration = Duration::from_millis(100);

/// The feed is silent and the connection is up: only the clock ends the lease.
#[tokio::test]
async fn a_silent_feed_ends_the_lease() {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &id, "new").await;
    let mut stale = Duration::ZERO;
    while read(&node, &id).await.as_deref() == Some("old") {
        assert!(stale < BOUND, "stale for {stale:?}");
        stage.pass(TICK).await;
        stale += TICK;
    }
    assert!(stale > BOUND / 2, "a copy answers while it may, or this tests nothing: {stale:?}");
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}

/// A lease runs from when its heartbeat was sent, however late the answer is.
#[tokio::test]
async fn an_answer_that_comes_late_is_worth_less() {
    let stage = Stage::new();
    let node = stage.builder().heartbeat(BOUND * 10).build();
    let (id, _) = stage.session("old").await;
    node.remote().wire.feed_held.send_replace(true);
    // The first call starts the listener, and the first copy asks for a lease. The answer waits in the queue.
    for _ in 0..2 {
        read(&node, &id).await;
        settle().await;
    }
    assert!(!is_hit(&node, &id).await);
    settle().await;
    stage.pass(BOUND - TICK).await;
    node.remote().wire.feed_held.send_replace(false);
    settle().await;
    assert!(is_hit(&node, &id).await, "a tenth of the term is left");
    stage.pass(TICK).await;
    assert!(!is_hit(&node, &id).await);
}

/// A load at level `Store` gets the current state.
#[tokio::test]
async fn the_latest_comes_from_the_store() {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &id, "new").await;
    let latest = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
    assert_eq!(value_of(node.load(&id, latest).await.unwrap()).as_deref(), Some("new"));
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"), "and from then on so do the others");
}

/// Leases are renewed as long as heartbeats are answered.
#[tokio::test]
async fn a_quiet_session_stays_a_hit() {
    let (stage, node, id) = Stage::cached("old").await;
    for _ in 0..50 {
        stage.pass(TICK).await;
        assert!(is_hit(&node, &id).await);
    }
    assert!(node.stats().heartbeats > 10, "{:?}", node.stats());
}

/// With a bound of zero no copy answers, not even within the same millisecond.
#[tokio::test]
async fn a_bound_of_nothing() {
    let stage = Stage::new();
    let node = stage.builder().max_staleness(Duration::ZERO).build();
    let (id, _) = stage.session("old").await;
    for _ in 0..3 {
        read(&node, &id).await;
        settle().await;
    }
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &id, "new").await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}
