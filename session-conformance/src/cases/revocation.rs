//! Ending the sessions of a principal from outside.

use std::{collections::HashSet, sync::Arc};

use session_core::{
    ErrorKind, Principal, SessionId, SignIn,
    model::{EndReason, IdDigest},
    store::{Absent, CreateOutcome, LoadOutcome, NewSession, Rotation, RotationKind, SessionStore},
};

use crate::{
    gone::Gone,
    must::{Must as _, must_be},
    world::{World, at_store, new_id, new_principal},
};

const REVOKED: Gone = Gone::NotFound(Some(EndReason::Revoked));

/// One session is revoked by its digest; the others stay.
pub(crate) async fn one_session_is_revoked(world: &World) {
    let principal = new_principal();
    let (stays, goes) = (world.sign_in(&principal).await, world.sign_in(&principal).await);
    assert!(world.index().revoke(&principal, goes.digest(), EndReason::Revoked).await.must());
    world.must_be_gone(&goes, REVOKED).await;
    assert_eq!(world.listed(&principal).await, [*stays.digest()]);
    assert!(!world.index().revoke(&principal, goes.digest(), EndReason::Revoked).await.must(), "twice");
}

/// A revocation ends neither the session of another principal nor one that does not exist.
pub(crate) async fn sessions_of_others_are_not_revoked(world: &World) {
    let (ada, grace) = (new_principal(), new_principal());
    let (id, guest) = (world.sign_in(&ada).await, world.start().await);
    for digest in [id.digest(), guest.digest(), new_id().digest()] {
        assert!(!world.index().revoke(&grace, digest, EndReason::Revoked).await.must());
    }
    assert!(world.is_live(&id).await && world.is_live(&guest).await);
}

/// All sessions are revoked, and counted.
pub(crate) async fn all_sessions_are_revoked(world: &World) {
    let (principal, other) = (new_principal(), new_principal());
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.sign_in(&principal).await);
    }
    let stays = world.sign_in(&other).await;
    assert_eq!(world.revoke_all(&principal, None).await, 5);
    for id in &ids {
        world.must_be_gone(id, REVOKED).await;
    }
    assert_eq!(world.listed(&principal).await, []);
    assert!(world.is_live(&stays).await);
    assert_eq!(world.revoke_all(&principal, None).await, 0, "twice");
}

/// All sessions but the excepted one are revoked; it is also kept if it is named by an old id that forwards.
pub(crate) async fn all_sessions_except_one_are_revoked(world: &World) {
    for renewed in [false, true] {
        let principal = new_principal();
        let (this, other) = (world.sign_in(&principal).await, world.sign_in(&principal).await);
        let kept = if renewed { world.moved(&this, RotationKind::Renew).await } else { this };
        let revoked = world.index().revoke_all(&principal, Some(&this), EndReason::Logout).await.must();
        assert_eq!((revoked.ended, revoked.left), (vec![*other.digest()], 0));
        world.must_be_gone(&other, Gone::NotFound(Some(EndReason::Logout))).await;
        assert!(world.is_live(&kept).await, "renewed: {renewed}");
        assert_eq!(world.listed(&principal).await, [*kept.digest()]);
    }
}

/// A renewed session is revoked at its new id, and the forward leads to its tombstone.
pub(crate) async fn a_renewed_session_is_revoked(world: &World) {
    let principal = new_principal();
    let old = world.sign_in(&principal).await;
    let new = world.moved(&old, RotationKind::Renew).await;
    let revoked = world.index().revoke_all(&principal, None, EndReason::Revoked).await.must();
    assert_eq!(revoked.ended, [*new.digest()], "where it was");
    for id in [old, new] {
        must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(Some(ended))) => assert_eq!(ended.reason, EndReason::Revoked));
    }
}

/// A session that has signed in and stepped up since it was listed is revoked at its current id.
pub(crate) async fn a_session_that_moved_twice_is_revoked(world: &World) {
    for kind in [RotationKind::Privilege, RotationKind::Renew] {
        let principal = new_principal();
        let listed = world.sign_in(&principal).await;
        let between = world.moved(&listed, RotationKind::Privilege).await;
        let now = world.moved(&between, kind).await;
        assert!(world.index().revoke(&principal, listed.digest(), EndReason::Revoked).await.must(), "{kind:?}");
        world.must_be_gone(&now, REVOKED).await;
        assert_eq!(world.listed(&principal).await, []);
    }
}

/// A revoked session stays ended: no delayed create recreates it.
pub(crate) async fn a_revoked_session_stays_ended(world: &World) {
    let principal = new_principal();
    let new = world.signed_in(&principal);
    let (id, _) = world.create(&new).await;
    world.revoke_all(&principal, None).await;
    must_be!(world.store().create(&id, &new).await.must(), CreateOutcome::Ended(_));
    assert_eq!(world.listed(&principal).await, []);
}

/// A sign-in after the revocation is not revoked.
pub(crate) async fn a_later_sign_in_is_not_revoked(world: &World) {
    let principal = new_principal();
    world.sign_in(&principal).await;
    world.revoke_all(&principal, None).await;
    let later = world.sign_in(&principal).await;
    assert_eq!(world.listed(&principal).await, [*later.digest()]);
    assert!(world.is_live(&later).await);
}

impl World {
    /// Ends all sessions of a principal, in as many steps as it takes, and returns how many there were.
    pub(crate) async fn revoke_all(&self, principal: &Principal, except: Option<&SessionId>) -> usize {
        let mut ended = HashSet::new();
        loop {
            let step = self.index().revoke_all(principal, except, EndReason::Revoked).await.must();
            for digest in step.ended {
                assert!(ended.insert(digest), "no session is ended twice");
            }
            if step.left == 0 {
                return ended.len();
            }
        }
    }
}

async fn live(store: &dyn SessionStore, id: &SessionId) -> bool {
    matches!(store.load(id, at_store()).await.must(), LoadOutcome::Found(_))
}

/// Lists the sessions, then revokes all. Returns the sessions listed before.
async fn revoke_all(store: &dyn SessionStore, principal: &Principal) -> Vec<IdDigest> {
    let index = store.index().unwrap_or_else(|| panic!("the store no longer has an index"));
    let listed = index.sessions(principal, 1_000).await.must();
    let revoked = index.revoke_all(principal, None, EndReason::Revoked).await.must();
    assert!(revoked.is_complete());
    listed.into_iter().map(|session| session.digest).collect()
}

/// Sign-ins race a revocation. Sessions that existed before it, or were listed when it began, are gone. Sessions that
/// are live after it are listed, so the next revocation ends them.
pub(crate) async fn sign_ins_race_a_revocation(world: &World) {
    for _ in 0..40 {
        let principal = new_principal();
        let before = [world.sign_in(&principal).await, world.sign_in(&principal).await];
        let logins: Vec<(SessionId, NewSession)> = (0..5).map(|_| (new_id(), world.signed_in(&principal))).collect();
        let task = |turn: usize, store: Arc<dyn SessionStore>| {
            let (principal, login) = (principal.clone(), logins.get(turn).cloned());
            async move {
                match login {
                    Some((id, new)) => {
                        store.create(&id, &new).await.must();
                        Vec::new()
                    }
                    None => revoke_all(store.as_ref(), &principal).await,
                }
            }
        };
        let listed = world.race(6, task).await.pop().unwrap_or_default();
        for id in &before {
            world.must_be_gone(id, REVOKED).await;
        }
        let now_listed = world.listed(&principal).await;
        for (id, _) in &logins {
            let live = world.is_live(id).await;
            assert_eq!(live, now_listed.contains(id.digest()), "a session is live exactly if it is listed");
            assert!(!live || !listed.contains(id.digest()), "it was listed when the revocation began");
        }
        revoke_all(world.store(), &principal).await;
        for (id, _) in &logins {
            assert!(!world.is_live(id).await, "it survived the second revocation");
        }
    }
}

/// Makes these rotations while all sessions of the principal are revoked.
async fn race_a_revocation(world: &World, principal: &Principal, moves: &[(SessionId, Rotation)]) {
    let task = |turn: usize, store: Arc<dyn SessionStore>| {
        let (principal, step) = (principal.clone(), moves.get(turn).cloned());
        async move {
            match step {
                Some((id, rotation)) => drop(store.rotate(&id, &rotation).await.must()),
                None => drop(revoke_all(store.as_ref(), &principal).await),
            }
        }
    };
    world.race(moves.len() + 1, task).await;
}

/// Sessions that move during a revocation are revoked: none escapes under a new id.
pub(crate) async fn rotations_race_a_revocation(world: &World) {
    for round in 0..40 {
        let principal = new_principal();
        let kind = if round % 2 == 0 { RotationKind::Privilege } else { RotationKind::Renew };
        let mut moves: Vec<(SessionId, Rotation)> = Vec::new();
        for _ in 0..4 {
            let id = world.sign_in(&principal).await;
            moves.push((id, world.rotation(&id, kind)));
        }
        race_a_revocation(world, &principal, &moves).await;
        for (id, rotation) in &moves {
            assert!(!live(world.store(), id).await, "live at the old id");
            assert!(!live(world.store(), &rotation.to).await, "escaped to the new id");
        }
        assert_eq!(world.listed(&principal).await, []);
    }
}

/// Sign-ins by rotation race a revocation. Sessions that are live after it are listed, and the next revocation ends
/// them.
pub(crate) async fn sign_ins_by_rotation_race_a_revocation(world: &World) {
    for _ in 0..25 {
        let principal = new_principal();
        let mut moves: Vec<(SessionId, Rotation)> = Vec::new();
        for _ in 0..4 {
            let guest = world.start().await;
            let sign_in = SignIn::new(principal.clone());
            moves.push((guest, Rotation { sign_in: Some(sign_in), ..world.rotation(&guest, RotationKind::Privilege) }));
        }
        race_a_revocation(world, &principal, &moves).await;
        let listed = world.listed(&principal).await;
        for (_, rotation) in &moves {
            assert_eq!(world.is_live(&rotation.to).await, listed.contains(rotation.to.digest()));
        }
        revoke_all(world.store(), &principal).await;
        for (_, rotation) in &moves {
            assert!(!world.is_live(&rotation.to).await);
        }
    }
}

/// A sign-in whose password was checked before a revocation knows an earlier one. It is refused at every kind of old id, and
/// changes nothing.
pub(crate) async fn a_sign_in_that_began_before_a_revocation_is_refused(world: &World) {
    let principal = new_principal();
    let before = world.index().last_revocation(&principal).await.must();
    let guest = world.start().await;
    let sign_in = SignIn::new(principal.clone());
    let knows = |revocation| Some(sign_in.clone().with_last_revocation(revocation));
    let rotation = |revocation, from: &SessionId| Rotation {
        sign_in: knows(revocation),
        ..world.rotation(from, RotationKind::Privilege)
    };
    let first = rotation(before, &guest);
    world.rotate(&guest, &first).await;
    assert_eq!(world.revoke_all(&principal, None).await, 1);

    let guest = world.start().await;
    for from in [guest, new_id()] {
        let late = rotation(before, &from);
        let error = must_be!(world.store().rotate(&from, &late).await, Err(error) => error);
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(!world.is_live(&late.to).await);
    }
    let late = NewSession { sign_in: knows(before), ..world.new_session() };
    let error = must_be!(world.store().create(&new_id(), &late).await, Err(error) => error);
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(world.is_live(&guest).await);
    assert_eq!(world.listed(&principal).await, []);

    let now = world.index().last_revocation(&principal).await.must();
    assert_ne!(now, before);
    world.rotate(&guest, &rotation(now, &guest)).await;
    assert_eq!(world.revoke_all(&principal, None).await, 1);
    assert_ne!(world.index().last_revocation(&principal).await.must(), now, "each revocation has its own id");
}

/// A sign-in that knows the last revocation races the next one: it is refused or ended, and none is left.
pub(crate) async fn a_conditional_sign_in_races_a_revocation(world: &World) {
    for _ in 0..20 {
        let principal = new_principal();
        let revocation = world.index().last_revocation(&principal).await.must();
        let sign_in = SignIn::new(principal.clone()).with_last_revocation(revocation);
        let rotations: Vec<_> = {
            let mut rotations = Vec::new();
            for _ in 0..3 {
                let guest = world.start().await;
                let rotation = world.rotation(&guest, RotationKind::Privilege);
                rotations.push((guest, Rotation { sign_in: Some(sign_in.clone()), ..rotation }));
            }
            rotations
        };
        let task = |turn: usize, store: Arc<dyn SessionStore>| {
            let (rotation, principal) = (rotations.get(turn).cloned(), principal.clone());
            async move {
                match (rotation, store.index()) {
                    (Some((guest, rotation)), _) => drop(store.rotate(&guest, &rotation).await),
                    (None, Some(index)) => {
                        drop(index.revoke_all(&principal, None, EndReason::Revoked).await.must());
                    }
                    _ => {}
                }
            }
        };
        world.race(rotations.len() + 1, task).await;
        assert_eq!(world.listed(&principal).await, []);
        for (_, rotation) in &rotations {
            assert!(!world.is_live(&rotation.to).await);
        }
    }
}
