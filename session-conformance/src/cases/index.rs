//! The sessions of a principal.

use session_core::{
    Error, ErrorKind, Expiry, Principal, SessionCap, SessionId, SignIn,
    model::{EndReason, IdDigest},
    store::{CreateOutcome, IndexedSession, NewSession, Rotation, RotationKind, TouchOptions},
};

use crate::{
    model::{Model, changes},
    must::{Must as _, must_be},
    world::{World, new_id, new_principal, same_moment, sibling},
};

impl World {
    pub(crate) fn signing_in(&self, sign_in: SignIn) -> NewSession {
        NewSession { sign_in: Some(sign_in), ..self.new_session() }
    }

    pub(crate) fn signed_in(&self, principal: &Principal) -> NewSession {
        self.signing_in(SignIn::new(principal.clone()))
    }

    /// A new session of this principal.
    pub(crate) async fn sign_in(&self, principal: &Principal) -> SessionId {
        self.create(&self.signed_in(principal)).await.0
    }

    pub(crate) async fn listed(&self, principal: &Principal) -> Vec<IdDigest> {
        let sessions = self.index().sessions(principal, 1_000).await.must();
        sessions.into_iter().map(|session| session.digest).collect()
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) -> ErrorKind {
    must_be!(answer, Err(error) => error.kind())
}

fn digests(ids: &[SessionId]) -> Vec<IdDigest> {
    ids.iter().map(|id| *id.digest()).collect()
}

/// A session that was created for a principal is listed, with its times.
pub(crate) async fn a_signed_in_session_is_listed(world: &World) {
    let principal = new_principal();
    let id = world.sign_in(&principal).await;
    let listed = world.index().sessions(&principal, 10).await.must();
    let record = world.found(&id).await.record;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].digest, *id.digest());
    assert!(same_moment(world, listed[0].signed_in_at, record.created_at()), "signed in by the create");
    assert_eq!(listed[0].expires_at, record.deadlines().expires_at());
}

/// A principal without sessions has an empty list, and sessions without a principal are in no list.
pub(crate) async fn sessions_of_others_are_not_listed(world: &World) {
    let (ada, grace) = (new_principal(), new_principal());
    world.start().await;
    let id = world.sign_in(&ada).await;
    assert_eq!(world.listed(&grace).await, []);
    assert_eq!(world.listed(&ada).await, digests(&[id]));
}

/// The latest sign-in comes first, and the limit cuts off the earliest.
pub(crate) async fn the_latest_sign_in_comes_first(world: &World) {
    let principal = new_principal();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.insert(0, world.sign_in(&principal).await);
        world.elapse(world.ticks(1)).await;
    }
    assert_eq!(world.listed(&principal).await, digests(&ids));
    for limit in [0, 1, 3] {
        let listed = world.index().sessions(&principal, limit).await.must();
        let listed: Vec<_> = listed.into_iter().map(|session| session.digest).collect();
        assert_eq!(listed, digests(&ids[..limit]));
    }
}

/// Principals may have any name: no name is read as another's, or as part of a key.
pub(crate) async fn principals_are_not_confused(world: &World) {
    let base = new_principal();
    let names = ["", ":", "*", "\0", " ", "{0}", "ü", "{", "}:idx"];
    let mut sessions = Vec::new();
    for name in names {
        let principal = Principal::new(&format!("{}{name}", base.as_str())).must();
        sessions.push((world.sign_in(&principal).await, principal));
    }
    for (id, principal) in sessions {
        assert_eq!(world.listed(&principal).await, digests(&[id]), "{:?}", principal.as_str());
    }
}

/// A rotation can sign in: the session is listed at its new id, with the delta of the same step.
pub(crate) async fn a_rotation_signs_in(world: &World) {
    let principal = new_principal();
    let id = world.start().await;
    let sign_in = SignIn::new(principal.clone());
    let delta = changes().set("user", "Ada");
    let rotation =
        Rotation { sign_in: Some(sign_in), delta: delta.delta(), ..world.rotation(&id, RotationKind::Privilege) };
    world.rotate(&id, &rotation).await;
    assert_eq!(world.listed(&principal).await, digests(&[rotation.to]));
    assert_eq!(world.model(&rotation.to).await, Model::from(&delta));
}

/// A rotation without a sign-in keeps the principal, and the index follows it.
pub(crate) async fn the_index_follows_a_rotation(world: &World) {
    let principal = new_principal();
    let mut id = world.sign_in(&principal).await;
    for kind in [RotationKind::Renew, RotationKind::Privilege, RotationKind::Renew] {
        id = world.moved(&id, kind).await;
        assert_eq!(world.listed(&principal).await, digests(&[id]), "{kind:?}");
    }
}

/// A rotated session keeps the time of its sign-in and its place. A second sign-in of the same principal gives it another
/// time and the first place.
pub(crate) async fn a_rotated_session_keeps_its_place(world: &World) {
    let principal = new_principal();
    let mut first = world.sign_in(&principal).await;
    world.elapse(world.ticks(1)).await;
    let second = world.sign_in(&principal).await;
    let since = |listed: &[IndexedSession]| listed.iter().map(|it| it.signed_in_at).collect::<Vec<_>>();
    let before = since(&world.index().sessions(&principal, 10).await.must());
    for kind in [RotationKind::Privilege, RotationKind::Renew] {
        world.elapse(world.ticks(1)).await;
        first = world.moved(&first, kind).await;
        assert_eq!(world.listed(&principal).await, digests(&[second, first]));
        assert_eq!(since(&world.index().sessions(&principal, 10).await.must()), before);
    }
    world.elapse(world.ticks(1)).await;
    let again =
        Rotation { sign_in: Some(SignIn::new(principal.clone())), ..world.rotation(&first, RotationKind::Privilege) };
    let applied = world.rotate(&first, &again).await;
    assert_eq!(world.listed(&principal).await, digests(&[again.to, second]));
    let after = since(&world.index().sessions(&principal, 10).await.must());
    assert!(same_moment(world, after[0], applied.now));
    assert_eq!(after[1], before[0]);
}

/// An old session that had no principal and signs in now is the newest: it is listed first, and the next sign-in under
/// a cap ends another.
pub(crate) async fn an_old_session_that_signs_in_is_listed_first(world: &World) {
    let principal = new_principal();
    let sign_in = SignIn::new(principal.clone()).with_cap(SessionCap::EndOldest(2));
    let guest = world.start().await;
    world.elapse(world.ticks(2)).await;
    let (oldest, _) = world.create(&world.signing_in(sign_in.clone())).await;
    world.elapse(world.ticks(2)).await;
    let rotation = Rotation { sign_in: Some(sign_in.clone()), ..world.rotation(&guest, RotationKind::Privilege) };
    let applied = world.rotate(&guest, &rotation).await;
    let listed = world.index().sessions(&principal, 10).await.must();
    assert_eq!(world.listed(&principal).await, digests(&[rotation.to, oldest]));
    assert!(same_moment(world, listed[0].signed_in_at, applied.now));
    world.elapse(world.ticks(2)).await;
    let (newest, _) = world.create(&world.signing_in(sign_in)).await;
    assert_eq!(world.listed(&principal).await, digests(&[newest, rotation.to]));
    world.must_be_gone(&oldest, crate::gone::Gone::NotFound(Some(EndReason::Limit))).await;
}

/// A sign-in of another principal moves the session from the first principal's list to the second's.
pub(crate) async fn a_sign_in_replaces_the_principal(world: &World) {
    let (ada, grace) = (new_principal(), new_principal());
    let id = world.sign_in(&ada).await;
    let rotation =
        Rotation { sign_in: Some(SignIn::new(grace.clone())), ..world.rotation(&id, RotationKind::Privilege) };
    world.rotate(&id, &rotation).await;
    assert_eq!(world.listed(&ada).await, []);
    assert_eq!(world.listed(&grace).await, digests(&[rotation.to]));
    assert_eq!(world.index().revoke_all(&ada, None, EndReason::Revoked).await.must().ended, []);
    assert!(world.is_live(&rotation.to).await);
}

/// A destroyed or expired session is not listed.
pub(crate) async fn ended_sessions_are_not_listed(world: &World) {
    let principal = new_principal();
    let destroyed = world.sign_in(&principal).await;
    let short = NewSession {
        sign_in: Some(SignIn::new(principal.clone())),
        ..NewSession::generate(Expiry::idle(world.ticks(2))).must()
    };
    world.create(&short).await;
    let stays = world.sign_in(&principal).await;
    world.end(&destroyed).await;
    world.elapse(world.ticks(3)).await;
    assert_eq!(world.listed(&principal).await, digests(&[stays]));
}

/// A session extended by use stays listed, with its new deadline.
pub(crate) async fn an_extended_session_stays_listed(world: &World) {
    let principal = new_principal();
    // Each use comes three ticks early, and none of them may be missed: two waits are longer than the timeout.
    let new = NewSession {
        sign_in: Some(SignIn::new(principal.clone())),
        ..NewSession::generate(Expiry::idle(world.ticks(8))).must()
    };
    let (id, _) = world.create(&new).await;
    for step in 0..3 {
        world.elapse(world.ticks(5)).await;
        if step % 2 == 0 {
            world.touch(&id, TouchOptions::default()).await;
        } else {
            world.apply(&id, &changes().set("a", "1")).await;
        }
    }
    let listed = world.index().sessions(&principal, 10).await.must();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].expires_at, world.found(&id).await.record.deadlines().expires_at());
}

/// A cap that refuses: a session beyond it is refused whole, and is admitted once another has ended.
pub(crate) async fn a_cap_refuses_one_session_more(world: &World) {
    let principal = new_principal();
    let sign_in = SignIn::new(principal.clone()).with_cap(SessionCap::Refuse(2));
    let first = world.create(&world.signing_in(sign_in.clone())).await.0;
    world.create(&world.signing_in(sign_in.clone())).await;
    let (id, third) = (new_id(), world.signing_in(sign_in.clone()));
    assert_eq!(refused(world.store().create(&id, &third).await), ErrorKind::LimitExceeded);
    assert!(!world.is_live(&id).await);
    let guest = world.start().await;
    let rotation = Rotation { sign_in: Some(sign_in), ..world.rotation(&guest, RotationKind::Privilege) };
    assert_eq!(refused(world.store().rotate(&guest, &rotation).await), ErrorKind::LimitExceeded);
    assert!(world.is_live(&guest).await, "the session that could not sign in stays");
    assert_eq!(world.listed(&principal).await.len(), 2);
    world.end(&first).await;
    world.rotate(&guest, &rotation).await;
    assert_eq!(world.listed(&principal).await.len(), 2);
}

/// A cap that ends the oldest: a session beyond it ends the oldest, whose tombstone says why.
pub(crate) async fn a_cap_ends_the_oldest(world: &World) {
    let principal = new_principal();
    let sign_in = SignIn::new(principal.clone()).with_cap(SessionCap::EndOldest(2));
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.insert(0, world.create(&world.signing_in(sign_in.clone())).await.0);
        world.elapse(world.ticks(1)).await;
    }
    assert_eq!(world.listed(&principal).await, digests(&ids[..2]));
    for id in &ids[2..] {
        world.must_be_gone(id, crate::gone::Gone::NotFound(Some(EndReason::Limit))).await;
    }
    let guest = world.start().await;
    let rotation = Rotation { sign_in: Some(sign_in), ..world.rotation(&guest, RotationKind::Privilege) };
    world.rotate(&guest, &rotation).await;
    assert!(world.is_live(&rotation.to).await && world.is_live(&ids[0]).await && !world.is_live(&ids[1]).await);
}

/// A create that is repeated at the cap is the same session, not an additional one.
pub(crate) async fn a_repeated_create_at_the_cap_answers_created(world: &World) {
    for cap in [SessionCap::Refuse(1), SessionCap::EndOldest(1)] {
        let principal = new_principal();
        let new = world.signing_in(SignIn::new(principal.clone()).with_cap(cap));
        let (id, _) = world.create(&new).await;
        let again = world.store().create(&id, &new).await.must();
        assert!(must_be!(again, CreateOutcome::Created(applied) => applied).repeated);
        assert!(world.is_live(&id).await);
    }
}

/// A sign-in that is repeated ends no session because of others that have signed in since, under another cap or none.
pub(crate) async fn a_repeat_ends_nothing_for_later_sign_ins(world: &World) {
    let principal = new_principal();
    let sign_in = SignIn::new(principal.clone()).with_cap(SessionCap::EndOldest(2));
    let oldest = world.sign_in(&principal).await;
    world.elapse(world.ticks(1)).await;
    let (created, guest) = (world.signing_in(sign_in.clone()), world.start().await);
    let (second, _) = world.create(&created).await;
    world.elapse(world.ticks(1)).await;
    let later = world.sign_in(&principal).await;
    let again = world.store().create(&second, &created).await.must();
    assert!(must_be!(again, CreateOutcome::Created(applied) => applied).repeated);
    assert_eq!(world.listed(&principal).await, digests(&[later, second, oldest]));
    world.elapse(world.ticks(1)).await;
    let rotation = Rotation { sign_in: Some(sign_in), ..world.rotation(&guest, RotationKind::Privilege) };
    world.rotate(&guest, &rotation).await;
    assert_eq!(world.listed(&principal).await, digests(&[rotation.to, later]));
    world.elapse(world.ticks(1)).await;
    let latest = world.sign_in(&principal).await;
    assert!(world.rotate(&guest, &rotation).await.repeated);
    assert_eq!(world.listed(&principal).await, digests(&[latest, rotation.to, later]));
}

/// A session of the principal that signs in again, at a step-up, is not an additional one.
pub(crate) async fn a_step_up_at_the_cap_adds_no_session(world: &World) {
    for cap in [SessionCap::Refuse(1), SessionCap::EndOldest(1)] {
        let principal = new_principal();
        let sign_in = SignIn::new(principal.clone()).with_cap(cap);
        let (id, _) = world.create(&world.signing_in(sign_in.clone())).await;
        let rotation = Rotation { sign_in: Some(sign_in), ..world.rotation(&id, RotationKind::Privilege) };
        world.rotate(&id, &rotation).await;
        assert_eq!(world.listed(&principal).await, digests(&[rotation.to]), "{cap:?}");
    }
}

/// A sign-in by rotation that is repeated, within its grace and after it, is the same session, not an additional one.
pub(crate) async fn a_late_repeat_at_the_cap_answers_rotated(world: &World) {
    for cap in [SessionCap::Refuse(1), SessionCap::EndOldest(1)] {
        let principal = new_principal();
        let guest = world.start().await;
        let sign_in = SignIn::new(principal.clone()).with_cap(cap);
        let rotation = Rotation {
            sign_in: Some(sign_in),
            grace: world.ticks(3),
            ..world.rotation(&guest, RotationKind::Privilege)
        };
        world.rotate(&guest, &rotation).await;
        for _ in 0..2 {
            assert!(world.rotate(&guest, &rotation).await.repeated, "{cap:?}");
            assert_eq!(world.listed(&principal).await, digests(&[rotation.to]));
            world.elapse(world.ticks(4)).await;
        }
    }
}

/// Signs in a new session, which must then be the only one of its principal.
async fn admits_the_only_session(world: &World, sign_in: SignIn) {
    let principal = sign_in.principal().clone();
    let (id, _) = world.create(&world.signing_in(sign_in)).await;
    assert_eq!(world.listed(&principal).await, digests(&[id]));
}

/// Ended sessions do not count under a cap.
pub(crate) async fn ended_sessions_do_not_count_under_a_cap(world: &World) {
    let sign_in = SignIn::new(new_principal()).with_cap(SessionCap::Refuse(1));
    let short =
        NewSession { sign_in: Some(sign_in.clone()), ..NewSession::generate(Expiry::idle(world.ticks(2))).must() };
    world.create(&short).await;
    world.elapse(world.ticks(3)).await;
    admits_the_only_session(world, sign_in).await;
}

/// Under a cap that refuses, an ended session does not count after its tombstone has ended either.
pub(crate) async fn ended_sessions_do_not_count_after_their_tombstone(world: &World) {
    let sign_in = SignIn::new(new_principal()).with_cap(SessionCap::Refuse(1));
    let (first, _) = world.create(&world.signing_in(sign_in.clone())).await;
    world.end(&first).await;
    world.elapse(world.tombstone() + world.ticks(1)).await;
    admits_the_only_session(world, sign_in).await;
}

/// Under a cap that refuses, a rotated session counts once, also when its old id is forgotten.
pub(crate) async fn a_rotated_session_counts_once_under_a_cap(world: &World) {
    let principal = new_principal();
    let sign_in = SignIn::new(principal.clone()).with_cap(SessionCap::Refuse(2));
    let (first, _) = world.create(&world.signing_in(sign_in.clone())).await;
    let renewal = Rotation { grace: world.ticks(1), ..world.rotation(&first, RotationKind::Renew) };
    world.rotate(&first, &renewal).await;
    world.elapse(world.ticks(2)).await;
    let (second, _) = world.create(&world.signing_in(sign_in)).await;
    assert_eq!(world.listed(&principal).await.len(), 2);
    assert!(world.is_live(&renewal.to).await && world.is_live(&second).await);
}

/// A step-up through the forward of a renewal does not add a session either.
pub(crate) async fn a_step_up_through_a_forward_at_the_cap_adds_no_session(world: &World) {
    let principal = new_principal();
    let sign_in = SignIn::new(principal.clone()).with_cap(SessionCap::Refuse(1));
    let (id, _) = world.create(&world.signing_in(sign_in.clone())).await;
    world.moved(&id, RotationKind::Renew).await;
    let rotation = Rotation { sign_in: Some(sign_in), ..world.rotation(&id, RotationKind::Privilege) };
    world.rotate(&id, &rotation).await;
    assert_eq!(world.listed(&principal).await, digests(&[rotation.to]));
}

/// At the cap, a sign-in that is impossible for another reason is refused for that reason.
pub(crate) async fn a_cap_does_not_mask_other_refusals(world: &World) {
    let principal = new_principal();
    let sign_in = SignIn::new(principal.clone()).with_cap(SessionCap::Refuse(1));
    let (id, _) = world.create(&world.signing_in(sign_in.clone())).await;
    let other = world.signing_in(sign_in.clone());
    let guest = world.start().await;
    assert_eq!(world.store().create(&guest, &other).await.must(), CreateOutcome::AlreadyExists);
    let taken = sibling(&guest);
    must_be!(world.store().create(&taken, &world.new_session()).await.must(), CreateOutcome::Created(_) => ());
    let rotation = world.rotation(&guest, RotationKind::Privilege);
    let rotation = Rotation { to: taken, sign_in: Some(sign_in), ..rotation };
    assert_eq!(refused(world.store().rotate(&guest, &rotation).await), ErrorKind::InvalidInput);
    assert_eq!(world.listed(&principal).await, digests(&[id]));
}

/// A sign-in that fails because of its target leaves the existing session in the index.
pub(crate) async fn a_failed_sign_in_removes_no_session_from_the_index(world: &World) {
    let principal = new_principal();
    let sign_in = SignIn::new(principal.clone());
    let gone = world.start().await;
    let to = sibling(&gone);
    let new = world.signed_in(&principal);
    must_be!(world.store().create(&to, &new).await.must(), CreateOutcome::Created(_) => ());
    world.end(&gone).await;
    let rotation = Rotation { to, sign_in: Some(sign_in), ..world.rotation(&gone, RotationKind::Privilege) };
    assert_eq!(refused(world.store().rotate(&gone, &rotation).await), ErrorKind::InvalidInput);
    assert_eq!(world.listed(&principal).await, digests(&[to]));
    assert_eq!(world.index().revoke_all(&principal, None, EndReason::Revoked).await.must().ended, [*to.digest()]);
}

/// Concurrent sign-ins under a cap that ends the oldest leave as many sessions as it allows: they do not end each
/// other.
pub(crate) async fn concurrent_sign_ins_leave_as_many_sessions_as_the_cap_allows(world: &World) {
    for _ in 0..10 {
        let principal = new_principal();
        let sign_in = SignIn::new(principal.clone()).with_cap(SessionCap::EndOldest(2));
        for _ in 0..2 {
            world.create(&world.signing_in(sign_in.clone())).await;
        }
        let new = world.new_session();
        let signed_in = world
            .race(4, |_, store| {
                let new = NewSession { sign_in: Some(sign_in.clone()), ..NewSession::generate(new.expiry).must() };
                async move { store.create(&new_id(), &new).await.must() }
            })
            .await;
        assert!(signed_in.iter().all(|outcome| matches!(outcome, CreateOutcome::Created(_))), "{signed_in:?}");
        assert_eq!(world.listed(&principal).await.len(), 2);
    }
}
