//! What is not cached.

use std::{collections::HashSet, sync::atomic::Ordering::SeqCst};

use futures_util::future::join_all;
use session_core::{SessionId, SessionStoreExt as _};
use session_tiered::Capacity;

use crate::stage::{Stage, is_hit, read, settle, warm};

/// Misses of one session at the same time cost one load.
#[tokio::test]
async fn misses_at_the_same_time_are_one_load() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    node.remote().wire.hold();
    let callers = join_all((0..100).map(|_| crate::stage::begin(&node, &id)));
    let release = async {
        node.remote().wire.has_read(1).await;
        settle().await;
        node.remote().wire.release();
    };
    let (found, ()) = futures_util::join!(callers, release);
    assert!(found.into_iter().all(|found| crate::stage::value_of(found.unwrap()).is_some()));
    assert_eq!(node.remote().wire.loads.load(SeqCst), 1);
}

/// An id without a session is asked about once in a while, and takes no place of a session.
#[tokio::test]
async fn unknown_ids_have_a_budget_of_their_own() {
    let stage = Stage::new();
    let node = stage.builder().capacity(Capacity::entries(10)).absent_capacity(5).build();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    let unknown: HashSet<_> = (0..500).map(|_| SessionId::generate().unwrap()).collect();
    for id in &unknown {
        node.get(id).await.unwrap();
    }
    settle().await;
    assert!(is_hit(&node, &id).await);
    let one = SessionId::generate().unwrap();
    node.get(&one).await.unwrap();
    settle().await;
    assert!(is_hit(&node, &one).await, "an answer too");
}

/// The cache is bounded.
#[tokio::test]
async fn no_more_is_kept_than_allowed() {
    let stage = Stage::new();
    let node = stage.builder().capacity(Capacity::entries(50)).build();
    let mut ids = Vec::new();
    for _ in 0..500 {
        let (id, _) = stage.session("x").await;
        read(&node, &id).await;
        ids.push(id);
    }
    settle().await;
    let mut kept = 0;
    for id in &ids {
        kept += usize::from(is_hit(&node, id).await);
    }
    // Loads of this very count are installed too, and others go for them.
    assert!(kept < 250, "{kept}");
    assert!(node.stats().displaced >= 400, "{:?}", node.stats());
}

/// Whoever wants nothing kept gets that.
#[tokio::test]
async fn a_capacity_of_nothing_keeps_nothing() {
    let stage = Stage::new();
    let node = stage.builder().capacity(Capacity::bytes(0)).absent_capacity(0).build();
    let (id, _) = stage.session("x").await;
    for id in [id, SessionId::generate().unwrap()] {
        for _ in 0..3 {
            node.get(&id).await.unwrap();
            settle().await;
        }
        assert!(!is_hit(&node, &id).await);
    }
    let heartbeats = node.stats().heartbeats;
    stage.pass(crate::stage::BOUND).await;
    assert_eq!(node.stats().heartbeats, heartbeats, "no copies, no heartbeats");
}
