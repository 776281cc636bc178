//! A full store refuses a create; it never drops a live session.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use session_core::{
    ErrorKind, SignIn, defaults,
    model::EndReason,
    store::{CreateOutcome, RotateOutcome, Rotation, RotationKind, SessionIndex as _, SessionStore},
};

use crate::given::{
    IDLE, create, destroy, id, is_live, new_session, now, op, principal, rotate, sign_in, store, try_create,
};

#[test]
fn a_full_store_refuses_creates_and_keeps_its_sessions() {
    let (store, _clock) = store(|it| it.capacity(3));
    let ids = [id(), id(), id()];
    ids.iter().for_each(|id| create(&store, id));
    let error = now(store.create(&id(), &new_session())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(store.stats().refused, 1);
    assert!(ids.iter().all(|id| is_live(&store, id)));
    let moved = rotate(&store, &ids[0], RotationKind::Renew);
    assert!(is_live(&store, &moved), "a rotation adds no session");
    destroy(&store, &ids[1]);
    create(&store, &id());
    assert!(now(store.create(&id(), &new_session())).is_err());
}

#[test]
fn expired_sessions_make_room_without_a_sweep() {
    let (store, clock) = store(|it| it.capacity(100));
    for _ in 0..3 {
        (0..100).for_each(|_| create(&store, &id()));
        assert!(now(store.create(&id(), &new_session())).is_err());
        clock.advance(IDLE);
    }
    assert_eq!(store.stats().refused, 3);
}

#[test]
fn a_repeat_and_an_id_in_use_need_no_capacity() {
    let (store, clock) = store(|it| it.capacity(1));
    let (id, new) = (id(), new_session());
    try_create(&store, &id, &new).unwrap();
    assert!(matches!(try_create(&store, &id, &new), Ok(CreateOutcome::Created(again)) if again.repeated));
    assert_eq!(now(store.create(&id, &new_session())).unwrap(), CreateOutcome::AlreadyExists);
    assert_eq!(store.stats().refused, 0);
    // The capacity of an expired session, at its own id.
    clock.advance(IDLE);
    create(&store, &id);
}

/// Capacity that is counted outside the locks of the shards could be given out twice, or lost when a create does not
/// use it.
#[test]
fn racing_creates_fill_the_store_exactly() {
    let (store, clock) = store(|it| it.capacity(500).partitions(8));
    for _ in 0..5 {
        let start = Arc::new(Barrier::new(4));
        let created: usize = thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|_| {
                    let (store, start) = (store.clone(), start.clone());
                    scope.spawn(move || {
                        start.wait();
                        (0..200).filter(|_| now(store.create(&id(), &new_session())).is_ok()).count()
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(created, 500);
        assert_eq!(store.stats().sessions, 500);
        clock.advance(IDLE);
        store.sweep();
    }
}

/// Creates and logouts leave a tombstone each. None may be forgotten early, so the creates are refused.
#[test]
fn a_store_full_of_tombstones_refuses_creates_and_forgets_none() {
    let (store, clock) = store(|it| it.capacity(1_000).ended_capacity(10));
    let ended: Vec<_> = (0..10).map(|_| id()).collect();
    for id in &ended {
        create(&store, id);
        destroy(&store, id);
    }
    let error = now(store.create(&id(), &new_session())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().contains("10 ended sessions"), "{error}");
    assert_eq!((store.stats().tombstones, store.stats().refused), (10, 1));
    for id in &ended {
        let outcome = now(store.create(id, &new_session())).unwrap();
        assert!(matches!(outcome, CreateOutcome::Ended(ended) if ended.reason == EndReason::Logout), "{outcome:?}");
    }
    assert!(sign_in(&store, SignIn::new(principal("a"))).is_err());
    clock.advance(defaults::TOMBSTONE);
    create(&store, &id());
    let stats = store.stats();
    assert!(stats.tombstones < 10 && stats.refused == 2, "{stats:?}");
}

/// The bound refuses what adds to it, and never an end.
#[test]
fn sessions_end_however_many_tombstones_there_are() {
    let (store, _clock) = store(|it| it.ended_capacity(1));
    let ids: Vec<_> = (0..5).map(|_| id()).collect();
    ids.iter().for_each(|id| create(&store, id));
    let signed_in = sign_in(&store, SignIn::new(principal("a"))).unwrap();
    ids.iter().for_each(|id| destroy(&store, id));
    let revoked = now(store.revoke_all(&principal("a"), None, EndReason::Revoked)).unwrap();
    assert_eq!((revoked.ended.len(), store.stats().tombstones), (1, 6));
    assert!(!ids.iter().chain([&signed_in]).any(|id| is_live(&store, id)));
    assert!(now(store.create(&id(), &new_session())).is_err());
}

/// Forwards count too. A rotation is refused later than a create, so that clients who create sessions and end them do
/// not prevent sign-ins.
#[test]
fn a_session_that_is_rotated_endlessly_is_refused_and_stays_usable() {
    let (store, clock) = store(|it| it.ended_capacity(10));
    let mut at = id();
    create(&store, &at);
    let signed_in = sign_in(&store, SignIn::new(principal("a"))).unwrap();
    (0..10).for_each(|_| at = rotate(&store, &at, RotationKind::Privilege));
    assert!(now(store.create(&id(), &new_session())).is_err());
    (10..19).for_each(|_| at = rotate(&store, &at, RotationKind::Privilege));
    let last = Rotation::new(op(), at.generate_sibling().unwrap(), RotationKind::Privilege);
    assert!(matches!(now(store.rotate(&at, &last)).unwrap(), RotateOutcome::Rotated(_)));
    let moved = last.to;

    let refused = Rotation::new(op(), moved.generate_sibling().unwrap(), RotationKind::Privilege);
    let error = now(store.rotate(&moved, &refused)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!((store.stats().forwards, store.stats().refused), (20, 2));
    assert!(is_live(&store, &moved) && is_live(&store, &signed_in));
    // What adds nothing is answered as ever.
    assert!(matches!(now(store.rotate(&at, &last)).unwrap(), RotateOutcome::Rotated(again) if again.repeated));
    let second = Rotation::new(op(), at.generate_sibling().unwrap(), RotationKind::Privilege);
    assert_eq!(now(store.rotate(&at, &second)).unwrap(), RotateOutcome::AlreadyRotated);
    clock.advance(defaults::ROTATION_GRACE);
    assert!(matches!(now(store.rotate(&moved, &refused)).unwrap(), RotateOutcome::Rotated(_)));
}

#[test]
fn racing_creates_and_ends_exceed_the_bound_by_their_own_number_at_most() {
    let (store, _clock) = store(|it| it.ended_capacity(100).partitions(8));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let id = id();
                    if now(store.create(&id, &new_session())).is_ok() {
                        destroy(&store, &id);
                    }
                }
            });
        }
    });
    let stats = store.stats();
    assert!((100..104).contains(&stats.tombstones) && stats.sessions == 0, "{stats:?}");
}
