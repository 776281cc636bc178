//! Misses, absent ids and the capacity.

use std::{collections::HashSet, sync::atomic::Ordering::SeqCst};

use futures_util::future::join_all;
use session_core::{LoadOptions, SessionId, store::SessionStore as _};
use session_tiered::{Capacity, Eviction};

use crate::stage::{Stage, is_hit, read, settle, warm, write};

/// Concurrent misses of one session cost one load.
#[tokio::test]
async fn misses_at_the_same_time_are_one_load() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    node.remote().wire.hold();
    let callers = join_all((0..100).map(|_| crate::stage::begin(&node, &id)));
    let release = async {
        node.remote().wire.wait_for_held(1).await;
        settle().await;
        node.remote().wire.release();
    };
    let (found, ()) = futures_util::join!(callers, release);
    assert!(found.into_iter().all(|found| crate::stage::value_of(found.unwrap()).is_some()));
    assert_eq!(node.remote().wire.loads.load(SeqCst), 1);
}

/// An absent id goes to the store only once in a while, and displaces no session.
#[tokio::test]
async fn unknown_ids_have_a_budget_of_their_own() {
    let stage = Stage::new();
    let node = stage.builder().capacity(Capacity::entries(10)).absent_capacity(5).build();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    let unknown: HashSet<_> = (0..500).map(|_| SessionId::generate().unwrap()).collect();
    for id in &unknown {
        node.load(id, LoadOptions::default()).await.unwrap();
    }
    settle().await;
    assert!(is_hit(&node, &id).await);
    let one = SessionId::generate().unwrap();
    node.load(&one, LoadOptions::default()).await.unwrap();
    settle().await;
    assert!(is_hit(&node, &one).await, "an answer too");
}

/// The capacity bounds the cache.
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
    // The loads of this count are installed too, and displace others.
    assert!(kept < 250, "{kept}");
    assert!(node.stats().displaced >= 400, "{:?}", node.stats());
}

/// LRU: sessions that were in heavy use and are over make room for current ones. The other policy keeps them.
#[tokio::test]
async fn what_was_used_last_stays() {
    const ROOM: usize = 200;
    let mut hits = Vec::new();
    for eviction in [Eviction::LeastRecent, Eviction::LeastFrequent] {
        let stage = Stage::new();
        let node = stage.builder().capacity(Capacity::entries(ROOM as u64)).eviction(eviction).build();
        let (first, _) = stage.session("x").await;
        warm(&node, &first).await;
        // Waves of users: each user comes a few times and never again.
        let mut hit = 0;
        for _ in 0..5 {
            let mut wave = Vec::new();
            for _ in 0..ROOM / 2 {
                wave.push(stage.session("x").await.0);
            }
            for round in 0..6 {
                for id in &wave {
                    hit += usize::from(is_hit(&node, id).await && round > 0);
                }
                settle().await;
            }
        }
        hits.push(hit);
    }
    let [recent, frequent] = hits[..] else { unreachable!() };
    // Five waves with five loads each: LRU hits nearly all; the other policy misses those of the waves that found no room.
    assert!(recent > 5 * 5 * ROOM / 2 * 9 / 10, "{recent}");
    assert!(frequent < recent * 9 / 10, "{frequent} of {recent}");
}

/// A session that would take the room of many others is loaded from the store each time, and displaces none.
#[tokio::test]
async fn a_copy_that_takes_too_much_room_is_not_kept() {
    let stage = Stage::new();
    let node = stage.builder().capacity(Capacity::bytes(8 * 1_024 * 1_024)).build();
    let mut small = Vec::new();
    for _ in 0..100 {
        let (id, _) = stage.session("small").await;
        warm(&node, &id).await;
        small.push(id);
    }
    let large = "x".repeat(40_000);
    for _ in 0..300 {
        let (id, _) = stage.session(&large).await;
        assert_eq!(read(&node, &id).await.as_deref(), Some(&*large));
    }
    settle().await;
    for id in &small {
        assert!(is_hit(&node, id).await, "{:?}", node.stats());
    }
    assert_eq!((node.stats().oversized, node.stats().displaced), (300, 0));
}

/// A copy that outgrows the limit by a write on this node or on another one is dropped.
#[tokio::test]
async fn a_copy_that_grows_too_large_is_dropped() {
    for on_this_node in [true, false] {
        let stage = Stage::new();
        let node = stage.builder().max_copy(2_000).build();
        let (id, _) = stage.session("small").await;
        warm(&node, &id).await;
        let large = "x".repeat(2_000);
        if on_this_node {
            write(&node, &id, &large).await;
        } else {
            write(&stage.store, &id, &large).await;
        }
        settle().await;
        assert_eq!(node.stats().oversized, 1);
        for _ in 0..2 {
            assert!(!is_hit(&node, &id).await);
            assert_eq!(read(&node, &id).await.as_deref(), Some(&*large));
        }
        write(&node, &id, "small").await;
        warm(&node, &id).await;
    }
}

/// With a capacity of zero the cache keeps nothing.
#[tokio::test]
async fn a_capacity_of_nothing_keeps_nothing() {
    let stage = Stage::new();
    let node = stage.builder().capacity(Capacity::bytes(0)).absent_capacity(0).build();
    let (id, _) = stage.session("x").await;
    for id in [id, SessionId::generate().unwrap()] {
        for _ in 0..3 {
            node.load(&id, LoadOptions::default()).await.unwrap();
            settle().await;
        }
        assert!(!is_hit(&node, &id).await);
    }
    let heartbeats = node.stats().heartbeats;
    stage.pass(crate::stage::BOUND).await;
    assert_eq!(node.stats().heartbeats, heartbeats, "no copies, no heartbeats");
}
