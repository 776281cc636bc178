//! A full store refuses a create; it never drops a live session.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use session_core::{
    ErrorKind,
    store::{CreateOutcome, RotationKind, SessionStore},
};

use crate::given::{IDLE, create, destroy, id, is_live, new_session, now, rotate, store, try_create};

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
