//! The index follows every way in which a session arrives, moves and ends.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use session_core::{
    Principal, SessionId, SignIn,
    model::EndReason,
    store::{NewSession, RotateOutcome, Rotation, RotationKind, SessionIndex, SessionStore},
};
use session_memory::MemoryStore;

use crate::given::{IDLE, create, destroy, id, is_live, now, op, principal, rotate, sign_in, store};

fn index(store: &MemoryStore) -> &dyn SessionIndex {
    store.index().unwrap()
}

fn ada() -> SignIn {
    SignIn::new(principal("ada"))
}

fn sessions(store: &MemoryStore, who: &Principal) -> Vec<session_core::model::IdDigest> {
    now(index(store).sessions(who, usize::MAX)).unwrap().into_iter().map(|session| session.digest).collect()
}

#[test]
fn sessions_are_listed_newest_first_where_they_are_now() {
    let (store, clock) = store(|it| it);
    let mut ids: Vec<_> = (0..5).map(|_| sign_in(&store, ada()).unwrap()).collect();
    clock.advance(Duration::from_secs(1));
    ids.push(sign_in(&store, ada()).unwrap());
    ids[2] = rotate(&store, &ids[2], RotationKind::Renew);
    destroy(&store, &ids.remove(0));
    let newest_first: Vec<_> = ids.iter().rev().map(|id| *id.digest()).collect();
    assert_eq!(sessions(&store, &principal("ada")), newest_first);
    let two = now(index(&store).sessions(&principal("ada"), 2)).unwrap();
    assert_eq!(two.iter().map(|session| session.digest).collect::<Vec<_>>(), newest_first[..2]);
    assert_eq!(two[0].expires_at.since(two[0].signed_in_at), IDLE);
}

#[test]
fn principals_without_sessions_are_removed() {
    let (store, clock) = store(|it| it);
    let (ada, bob) = (principal("ada"), principal("bob"));
    let destroyed = sign_in(&store, SignIn::new(ada.clone())).unwrap();
    destroy(&store, &destroyed);
    assert_eq!(store.stats().principals, 0);
    let moved = sign_in(&store, SignIn::new(ada.clone())).unwrap();
    let to = moved.generate_sibling().unwrap();
    let rotation = Rotation {
        sign_in: Some(SignIn::new(bob.clone())),
        expiry: Some(crate::given::new_session().expiry),
        ..Rotation::new(op(), to, RotationKind::Privilege)
    };
    now(store.rotate(&moved, &rotation)).unwrap();
    assert_eq!((sessions(&store, &ada).len(), sessions(&store, &bob)), (0, vec![*to.digest()]));
    clock.advance(IDLE);
    assert!(sessions(&store, &bob).is_empty(), "expired sessions are not listed");
    store.sweep();
    assert_eq!(store.stats().principals, 0);
    // The id of an expired session is used again, by a create and by a rotation.
    let reused = sign_in(&store, SignIn::new(ada.clone())).unwrap();
    clock.advance(IDLE);
    create(&store, &reused);
    clock.advance(IDLE);
    let (from, reused) = (reused, reused.generate_sibling().unwrap());
    now(store.create(&reused, &NewSession { sign_in: Some(SignIn::new(ada)), ..crate::given::new_session() })).unwrap();
    clock.advance(IDLE);
    create(&store, &from);
    now(store.rotate(&from, &Rotation::new(op(), reused, RotationKind::Renew))).unwrap();
    assert_eq!(store.stats().principals, 0);
}

/// The expired session at the new id is another one of the same principal; the one that moves keeps its own place.
#[test]
fn a_session_that_moves_over_an_expired_one_keeps_its_place() {
    let (store, clock) = store(|it| it);
    let from = id();
    let to = from.generate_sibling().unwrap();
    let signed_in = || NewSession { sign_in: Some(ada()), ..crate::given::new_session() };
    crate::given::try_create(&store, &to, &signed_in()).unwrap();
    clock.advance(IDLE);
    let earlier = sign_in(&store, ada()).unwrap();
    crate::given::try_create(&store, &from, &signed_in()).unwrap();
    now(store.rotate(&from, &Rotation::new(op(), to, RotationKind::Renew))).unwrap();
    assert_eq!(sessions(&store, &principal("ada")), [*to.digest(), *earlier.digest()]);
    destroy(&store, &to);
    destroy(&store, &earlier);
    assert_eq!(store.stats().principals, 0);
}

#[test]
fn revoke_ends_one_session_of_its_principal_only() {
    let (store, _clock) = store(|it| it);
    let id = sign_in(&store, ada()).unwrap();
    let revoke = |who: &str, id: &SessionId| {
        now(index(&store).revoke(&principal(who), id.digest(), EndReason::Revoked)).unwrap()
    };
    assert!(!revoke("bob", &id));
    assert!(!revoke("ada", &crate::given::id()));
    assert_eq!(store.stats().tombstones, 0, "an id that was never indexed gets no tombstone");
    rotate(&store, &id, RotationKind::Renew);
    assert!(revoke("ada", &id), "indexed before it moved");
    assert!(!revoke("ada", &id));
    assert!(sessions(&store, &principal("ada")).is_empty());
}

#[test]
fn revoke_all_keeps_the_session_of_an_old_id() {
    let (store, _clock) = store(|it| it);
    let ids: Vec<_> = (0..10).map(|_| sign_in(&store, ada()).unwrap()).collect();
    let moved = rotate(&store, &ids[4], RotationKind::Renew);
    let revoke_all = |except: Option<&SessionId>| {
        now(index(&store).revoke_all(&principal("ada"), except, EndReason::Revoked)).unwrap().ended.len()
    };
    assert_eq!(revoke_all(Some(&ids[4])), 9);
    assert!(is_live(&store, &moved));
    assert_eq!(revoke_all(Some(&id())), 1);
    assert_eq!(revoke_all(None), 0);
    assert_eq!(store.stats().principals, 0);
}

/// A session that has moved twice since it was listed is behind a chain of two forwards when it is revoked. A single
/// pass over the list would leave it alive.
#[test]
fn no_session_escapes_revoke_all_by_moving() {
    for _ in 0..200 {
        let (store, _clock) = store(|it| it);
        let mut id = sign_in(&store, ada()).unwrap();
        let others: Vec<_> = (0..50).map(|_| sign_in(&store, ada()).unwrap()).collect();
        let (start, stop) = (Arc::new(Barrier::new(2)), Arc::new(AtomicBool::new(false)));
        thread::scope(|scope| {
            let (runner, start_too, stop_too) = (store.clone(), start.clone(), stop.clone());
            let escape = scope.spawn(move || {
                start_too.wait();
                while !stop_too.load(Ordering::Relaxed) {
                    let to = id.generate_sibling().unwrap();
                    let rotation =
                        Rotation { grace: Duration::ZERO, ..Rotation::new(op(), to, RotationKind::Privilege) };
                    match now(runner.rotate(&id, &rotation)).unwrap() {
                        RotateOutcome::Rotated(_) => id = to,
                        _ => return id,
                    }
                }
                id
            });
            start.wait();
            drop(now(index(&store).revoke_all(&principal("ada"), None, EndReason::Revoked)).unwrap());
            stop.store(true, Ordering::Relaxed);
            assert!(!is_live(&store, &escape.join().unwrap()));
        });
        assert!(others.iter().all(|id| !is_live(&store, id)));
        assert_eq!(store.stats().principals, 0);
    }
}
