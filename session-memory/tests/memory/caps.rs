//! Caps on the sessions of one principal.

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use session_core::{
    ErrorKind, SessionCap, SessionId, SignIn,
    model::EndReason,
    store::{Absent, LoadOutcome, NewSession, RotateOutcome, Rotation, RotationKind, SessionStore},
};
use session_memory::MemoryStore;

use crate::given::{IDLE, create, id, is_live, load, new_session, now, op, principal, sign_in, store, try_create};

fn refuse(most: usize) -> SignIn {
    SignIn::new(principal("ada")).with_cap(SessionCap::Refuse(most))
}

fn end_oldest(most: usize) -> SignIn {
    SignIn::new(principal("ada")).with_cap(SessionCap::EndOldest(most))
}

fn count(store: &MemoryStore) -> usize {
    now(store.index().unwrap().sessions(&principal("ada"), usize::MAX)).unwrap().len()
}

fn sign_in_by_rotation(store: &MemoryStore, from: &SessionId, sign_in: SignIn) -> Result<RotateOutcome, ErrorKind> {
    let to = from.generate_sibling().unwrap();
    let rotation = Rotation { sign_in: Some(sign_in), ..Rotation::new(op(), to, RotationKind::Privilege) };
    now(store.rotate(from, &rotation)).map_err(|error| error.kind())
}

#[test]
fn a_sign_in_beyond_the_cap_is_refused_until_a_session_expires() {
    let (store, clock) = store(|it| it);
    sign_in(&store, refuse(2)).unwrap();
    clock.advance(Duration::from_secs(10));
    sign_in(&store, refuse(2)).unwrap();
    assert_eq!(sign_in(&store, refuse(2)).unwrap_err().kind(), ErrorKind::LimitExceeded);
    sign_in(&store, SignIn::new(principal("bob")).with_cap(SessionCap::Refuse(1))).unwrap();
    clock.advance(IDLE - Duration::from_secs(10));
    sign_in(&store, refuse(2)).unwrap();
    assert_eq!(sign_in(&store, refuse(2)).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(count(&store), 2);
}

#[test]
fn a_repeat_or_a_step_up_adds_no_session() {
    let (store, _clock) = store(|it| it);
    let (id, new) = (id(), NewSession { sign_in: Some(refuse(1)), ..new_session() });
    try_create(&store, &id, &new).unwrap();
    try_create(&store, &id, &new).unwrap();
    let to = id.generate_sibling().unwrap();
    let rotation = Rotation { sign_in: Some(refuse(1)), ..Rotation::new(op(), to, RotationKind::Privilege) };
    for _ in 0..2 {
        assert!(matches!(now(store.rotate(&id, &rotation)).unwrap(), RotateOutcome::Rotated(_)));
    }
    let anonymous = crate::given::id();
    create(&store, &anonymous);
    assert_eq!(sign_in_by_rotation(&store, &anonymous, refuse(1)).unwrap_err(), ErrorKind::LimitExceeded);
    assert!(is_live(&store, &anonymous), "a refused sign-in changes nothing");
    assert_eq!(count(&store), 1);
}

#[test]
fn the_oldest_sessions_end_with_their_reason() {
    let (store, clock) = store(|it| it);
    let ids: Vec<_> = (0..3)
        .map(|_| {
            clock.advance(Duration::from_secs(1));
            sign_in(&store, SignIn::new(principal("ada"))).unwrap()
        })
        .collect();
    let anonymous = id();
    create(&store, &anonymous);
    sign_in_by_rotation(&store, &anonymous, end_oldest(2)).unwrap();
    assert_eq!(ids.iter().map(|id| is_live(&store, id)).collect::<Vec<_>>(), [false, false, true]);
    let LoadOutcome::Absent(Absent::NotFound(Some(ended))) = load(&store, &ids[0]) else {
        panic!("the session was ended")
    };
    assert_eq!(ended.reason, EndReason::Limit);
    assert_eq!(count(&store), 2);
}

#[test]
fn expired_sessions_are_not_ended_in_place_of_live_ones() {
    let (store, clock) = store(|it| it);
    sign_in(&store, end_oldest(2)).unwrap();
    clock.advance(IDLE);
    let live = sign_in(&store, end_oldest(2)).unwrap();
    sign_in(&store, end_oldest(2)).unwrap();
    assert!(is_live(&store, &live));
    assert_eq!(store.stats().tombstones, 0);
}

/// Two sign-ins that both count before either is indexed would both be admitted.
#[test]
fn caps_are_strict_under_racing_sign_ins() {
    for _ in 0..20 {
        let (store, _clock) = store(|it| it);
        let start = Arc::new(Barrier::new(4));
        let admitted: usize = thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|n| {
                    let (store, start) = (store.clone(), start.clone());
                    scope.spawn(move || {
                        let anonymous = id();
                        create(&store, &anonymous);
                        start.wait();
                        let by_rotation = |_: &usize| sign_in_by_rotation(&store, &anonymous, refuse(3)).is_ok();
                        let by_create = |_: &usize| sign_in(&store, refuse(3)).is_ok();
                        if n == 0 { (0..1).filter(by_rotation).count() } else { (0..20).filter(by_create).count() }
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!((admitted, count(&store)), (3, 3));
    }
}

#[test]
fn ending_the_oldest_is_strict_under_racing_sign_ins() {
    for _ in 0..100 {
        let (store, _clock) = store(|it| it);
        let start = Arc::new(Barrier::new(4));
        thread::scope(|scope| {
            for _ in 0..4 {
                let (store, start) = (store.clone(), start.clone());
                scope.spawn(move || {
                    start.wait();
                    (0..20).for_each(|_| assert!(sign_in(&store, end_oldest(2)).is_ok()));
                });
            }
        });
        assert_eq!(count(&store), 2);
        let stats = store.stats();
        assert_eq!((stats.sessions, stats.tombstones), (2, 78));
    }
}

/// The work over all sessions of a principal has a bound, also if a sign-in sets no cap.
#[test]
fn a_sign_in_that_sets_no_cap_ends_the_oldest_of_a_thousand() {
    let (store, clock) = store(|it| it);
    let mut ids = Vec::new();
    for _ in 0..1_001 {
        ids.push(sign_in(&store, SignIn::new(principal("ada"))).unwrap());
        clock.advance(Duration::from_millis(1));
    }
    let listed = now(store.index().unwrap().sessions(&principal("ada"), 2_000)).unwrap();
    assert_eq!(listed.len(), 1_000);
    assert!(listed.iter().all(|session| session.digest != *ids[0].digest()));
    sign_in(&store, SignIn::new(principal("ada")).without_cap()).unwrap();
    assert_eq!(now(store.index().unwrap().sessions(&principal("ada"), 2_000)).unwrap().len(), 1_001);
}
