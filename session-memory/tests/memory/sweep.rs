//! Memory is freed by a call, by a task, and by the shards themselves.

use std::{
    future::Future,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::task::noop_waker;
use session_core::store::{RotationKind, SessionStore, TouchOptions};

use crate::given::{IDLE, create, destroy, id, is_live, now, rotate, store};

#[test]
fn a_sweep_removes_ended_slots_and_nothing_else() {
    let (store, clock) = store(|it| it.partitions(4));
    let ids: Vec<_> = (0..100).map(|_| id()).collect();
    ids.iter().for_each(|id| create(&store, id));
    for id in &ids[..10] {
        destroy(&store, id);
    }
    let moved = rotate(&store, &ids[10], RotationKind::Privilege);
    clock.advance(IDLE - Duration::from_secs(1));
    for id in &ids[50..] {
        now(store.touch(id, TouchOptions::default())).unwrap();
    }
    // The grace of the rotation, 30 s, has passed.
    assert_eq!(store.sweep(), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.stats().sessions, 90, "expired sessions are still there");
    assert!(!is_live(&store, &ids[49]) && is_live(&store, &ids[50]), "expired sessions are not returned");
    assert_eq!(store.sweep(), 40);
    let stats = store.stats();
    assert_eq!((stats.sessions, stats.tombstones, stats.forwards, stats.swept), (50, 10, 0, 41));
    assert!(!is_live(&store, &moved));
    clock.advance(Duration::from_secs(600));
    assert_eq!(store.sweep(), 60);
    assert_eq!(store.sweep(), 0);
}

#[test]
fn a_bounded_sweep_goes_round_all_shards() {
    let (store, clock) = store(|it| it.partitions(64));
    (0..640).for_each(|_| create(&store, &id()));
    clock.advance(IDLE);
    let first = store.sweep_next(16);
    assert!(0 < first && first < 320, "{first} in a quarter of the shards");
    let rest: usize = (0..3).map(|_| store.sweep_next(16)).sum();
    assert_eq!(first + rest, 640);
}

#[test]
fn the_sweeper_sweeps_each_interval_and_ends_with_the_store() {
    let (store, clock) = store(|it| it.partitions(64));
    let interval = Duration::from_secs(10);
    let mut sweeper = Box::pin(store.sweeper(interval));
    let waker = noop_waker();
    let mut run = || (0..100).map(|_| sweeper.as_mut().poll(&mut Context::from_waker(&waker))).find(Poll::is_ready);
    (0..640).for_each(|_| create(&store, &id()));
    assert!(run().is_none());
    clock.advance(IDLE);
    assert!(run().is_none());
    assert_eq!(store.stats().sessions, 0);
    let other = store.clone();
    drop(store);
    clock.advance(interval);
    assert!(run().is_none(), "it runs while a handle is left");
    drop(other);
    clock.advance(interval);
    assert!(run().is_some());
}

#[test]
fn memory_stays_bounded_without_a_sweeper() {
    let (store, clock) = store(|it| it.partitions(16));
    let (live, rounds) = (1_000, 50);
    for _ in 0..rounds {
        (0..live).for_each(|_| create(&store, &id()));
        clock.advance(IDLE);
        let stats = store.stats();
        assert!(stats.sessions <= 4 * live, "{} sessions where {live} are live", stats.sessions);
    }
    assert!(store.stats().swept > (rounds as u64 - 4) * live as u64);
}
