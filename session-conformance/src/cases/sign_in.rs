//! Sign-ins, which never depend on the state of their old id.

use std::sync::Arc;

use session_core::{
    ErrorKind, Principal, SessionCap, SessionId, SignIn,
    model::{EndReason, IdDigest, Value},
    store::{
        Absent, ApplyOutcome, LoadOutcome, RotateOutcome, Rotation, RotationKind, SessionStore, TouchOptions, Update,
    },
};

use crate::{
    gone::Gone,
    model::{Model, changes, field},
    must::{Must as _, must_be},
    world::{World, new_id, new_principal, same_moment, update},
};

pub(super) fn signing_in(world: &World, from: &SessionId, sign_in: SignIn) -> Rotation {
    Rotation {
        sign_in: Some(sign_in),
        expiry: Some(world.long_expiry()),
        ..world.rotation(from, RotationKind::Privilege)
    }
}

/// Signs a principal in at an id, and returns the new id.
pub(super) async fn sign_in(world: &World, from: &SessionId, principal: &Principal) -> SessionId {
    let rotation = signing_in(world, from, SignIn::new(principal.clone()));
    world.rotate(from, &rotation).await;
    rotation.to
}

fn digests(ids: &[&SessionId]) -> Vec<IdDigest> {
    let mut digests: Vec<_> = ids.iter().map(|id| *id.digest()).collect();
    digests.sort();
    digests
}

async fn must_list(world: &World, principal: &Principal, ids: &[&SessionId]) {
    let mut listed = world.listed(principal).await;
    listed.sort();
    assert_eq!(listed, digests(ids));
}

/// A record names the principal and the time of the sign-in, by whichever request it signed in.
pub(crate) async fn a_record_names_the_principal(world: &World) {
    let principal = new_principal();
    let id = world.sign_in(&principal).await;
    let record = world.found(&id).await.record;
    assert_eq!((record.principal(), record.signed_in_at()), (Some(&principal), Some(record.created_at())));

    let guest = world.start().await;
    let record = world.found(&guest).await.record;
    assert_eq!((record.principal(), record.signed_in_at()), (None, None));
    world.elapse(world.ticks(2)).await;
    let rotation = signing_in(world, &guest, SignIn::new(principal.clone()));
    let applied = world.rotate(&guest, &rotation).await;
    for id in [rotation.to, world.moved(&rotation.to, RotationKind::Renew).await] {
        let record = world.found(&id).await.record;
        assert_eq!(record.principal(), Some(&principal));
        assert!(same_moment(world, record.signed_in_at().unwrap_or_default(), applied.now));
    }
}

/// The form is sent twice from one cookie. Both responses carry an id of a signed-in session with the same entries.
pub(crate) async fn a_second_sign_in_copies_the_first(world: &World) {
    let principal = new_principal();
    let cart = changes().insert("cart", "sku-1", "1").set("theme", "dark");
    let (old, _) = world.start_with(&cart).await;
    let first = sign_in(world, &old, &principal).await;
    let rotation = Rotation {
        delta: changes().set("from", "second").delta(),
        ..signing_in(world, &old, SignIn::new(principal.clone()))
    };
    let applied = world.rotate(&old, &rotation).await;
    assert_eq!((applied.repeated, applied.stamp), (false, world.stamp(&rotation.to).await));
    assert_eq!(applied.stamp.incarnation(), rotation.incarnation());
    assert_eq!(world.model(&rotation.to).await, Model::from(&cart).after(&changes().set("from", "second")));
    assert_eq!(world.model(&first).await, Model::from(&cart), "the first session goes on");
    world.must_be_gone(&old, Gone::Superseded).await;
    must_list(world, &principal, &[&first, &rotation.to]).await;
    world.end(&first).await;
    assert!(world.is_live(&rotation.to).await, "they are two sessions");
}

/// The second form arrives when the first session has already been renewed.
pub(crate) async fn a_second_sign_in_follows_the_first(world: &World) {
    let principal = new_principal();
    let (old, _) = world.start_with(&changes().set("theme", "dark")).await;
    let first = sign_in(world, &old, &principal).await;
    world.moved(&first, RotationKind::Renew).await;
    let second = sign_in(world, &old, &principal).await;
    assert_eq!(world.model(&second).await, Model::from(&changes().set("theme", "dark")));
}

/// When the grace is over, the id leads nowhere, and a sign-in there starts with no entries.
pub(crate) async fn a_sign_in_after_the_grace_copies_nothing(world: &World) {
    let principal = new_principal();
    let (old, _) = world.start_with(&changes().set("theme", "dark")).await;
    let first = signing_in(world, &old, SignIn::new(principal.clone()));
    world.rotate(&old, &Rotation { grace: world.ticks(2), ..first }).await;
    world.elapse(world.ticks(3)).await;
    let second = signing_in(world, &old, SignIn::new(principal.clone()));
    world.rotate(&old, &second).await;
    assert_eq!(world.model(&second.to).await.len(), 0);
}

/// Entries of a session that signed in before the grace are not copied, even if a step-up has just replaced the id.
pub(crate) async fn an_older_sign_in_is_not_copied(world: &World) {
    let principal = new_principal();
    let (guest, _) = world.start_with(&changes().set("theme", "dark")).await;
    let old = sign_in(world, &guest, &principal).await;
    world.elapse(world.ticks(5)).await;
    world.moved(&old, RotationKind::Privilege).await;
    let rotation = signing_in(world, &old, SignIn::new(principal.clone()));
    let rotation = Rotation { grace: world.ticks(4), ..rotation };
    world.rotate(&old, &rotation).await;
    assert_eq!(world.model(&rotation.to).await.len(), 0);
}

/// A second sign-in of another principal gets no entry of the first one's session.
pub(crate) async fn a_second_sign_in_of_another_principal_copies_nothing(world: &World) {
    let (ada, grace) = (new_principal(), new_principal());
    let (old, _) = world.start_with(&changes().set("theme", "dark")).await;
    let first = sign_in(world, &old, &ada).await;
    let second = sign_in(world, &old, &grace).await;
    assert_eq!(world.model(&second).await.len(), 0);
    assert_eq!(world.model(&first).await.len(), 1);
    must_list(world, &ada, &[&first]).await;
    must_list(world, &grace, &[&second]).await;
}

/// A sign-in at the id of an ended session, or at an id that was never issued, makes a session.
pub(crate) async fn a_sign_in_needs_no_session(world: &World) {
    let principal = new_principal();
    let ended = world.sign_in(&principal).await;
    world.revoke_all(&principal, None).await;
    let delta = changes().set("theme", "dark");
    for old in [ended, new_id()] {
        let rotation = Rotation { delta: delta.delta(), ..signing_in(world, &old, SignIn::new(principal.clone())) };
        let applied = world.rotate(&old, &rotation).await;
        let record = world.found(&rotation.to).await.record;
        assert_eq!((record.stamp(), record.stamp().version()), (applied.stamp, 1));
        assert!(same_moment(world, record.created_at(), applied.now));
        assert_eq!(Model::of(record.state()), Model::from(&delta));
        assert_eq!(record.deadlines(), applied.deadlines);
        assert!(world.listed(&principal).await.contains(rotation.to.digest()));
        assert!(!world.is_live(&old).await, "the old id gives no access");
    }
}

/// A sign-in that starts a session and is sent twice answers Rotated both times, and is applied once.
pub(crate) async fn a_repeated_start_answers_rotated(world: &World) {
    let principal = new_principal();
    let old = new_id();
    let rotation = signing_in(world, &old, SignIn::new(principal.clone()));
    world.rotate(&old, &rotation).await;
    let stamp = world.apply(&rotation.to, &changes().set("theme", "dark")).await.stamp;
    let again = world.rotate(&old, &rotation).await;
    assert_eq!((again.repeated, again.stamp), (true, stamp));
    must_list(world, &principal, &[&rotation.to]).await;
}

/// A repeated sign-in does not bring back a session that has ended since.
pub(crate) async fn a_repeat_recreates_nothing(world: &World) {
    let principal = new_principal();
    for old in [world.start().await, new_id()] {
        let rotation = signing_in(world, &old, SignIn::new(principal.clone()));
        world.rotate(&old, &rotation).await;
        world.end(&rotation.to).await;
        let again = world.store().rotate(&old, &rotation).await.must();
        assert!(!matches!(again, RotateOutcome::Rotated(_)), "{again:?}");
        must_be!(world.load(&rotation.to).await, LoadOutcome::Absent(Absent::NotFound(Some(_))));
        must_list(world, &principal, &[]).await;
    }
}

/// A second principal who signs in over a first one inherits only the entries of the fields that the sign-in keeps. The
/// first one's session ends.
pub(crate) async fn another_principal_starts_fresh(world: &World) {
    let (ada, grace) = (new_principal(), new_principal());
    let entries =
        changes().set("role", "admin").insert("roles", "admin", "").set("theme", "dark").insert("cart", "k", "1");
    let (guest, _) = world.start_with(&entries).await;
    let id = sign_in(world, &guest, &ada).await;
    let before = world.stamp(&id).await;
    let keeping = SignIn::new(grace.clone()).with_kept_fields([field("theme"), field("cart"), field("absent")]);
    let rotation = Rotation {
        delta: changes().set("user", "Grace").remove_key("cart", "no-such-key").delta(),
        ..signing_in(world, &id, keeping)
    };
    let applied = world.rotate(&id, &rotation).await;
    let kept = changes().set("theme", "dark").insert("cart", "k", "1").set("user", "Grace");
    let record = world.found(&rotation.to).await.record;
    assert_eq!(Model::of(record.state()), Model::from(&kept));
    assert_eq!((record.stamp(), record.principal()), (applied.stamp, Some(&grace)));
    assert_ne!(record.stamp().incarnation(), before.incarnation(), "it is another session");
    assert_eq!(record.stamp().version(), 1);
    world.must_be_gone(&id, Gone::Superseded).await;
    must_list(world, &ada, &[]).await;
    must_list(world, &grace, &[&rotation.to]).await;
    assert!(world.rotate(&id, &rotation).await.repeated);
    // Its size is that of its own entries.
    world.apply(&rotation.to, &changes().clear("cart").remove("theme").remove("user")).await;
    assert_eq!(world.model(&rotation.to).await.len(), 0);
}

/// The first principal's updates cannot reach the second one's session.
pub(crate) async fn a_late_update_of_another_principal_is_refused(world: &World) {
    let (ada, grace) = (new_principal(), new_principal());
    let id = world.sign_in(&ada).await;
    let base = world.stamp(&id).await;
    let rotation = signing_in(world, &id, SignIn::new(grace));
    world.rotate(&id, &rotation).await;
    let late = update(&changes().set("late", "x"));
    let late = Update { retry_from: Some(base), ..late };
    let answer = world.store().apply(&rotation.to, &late).await.must();
    must_be!(answer, ApplyOutcome::Absent(Absent::NotFound(None)));
}

/// A sign-in that would exceed a limit is refused as a whole, at every kind of old id.
pub(crate) async fn a_refused_sign_in_changes_nothing(world: &World) {
    let (ada, grace) = (new_principal(), new_principal());
    let id = world.sign_in(&ada).await;
    let huge = Value::from(vec![3; world.store().limits().max_value_bytes + 1]);
    for old in [id, new_id()] {
        let rotation = signing_in(world, &old, SignIn::new(grace.clone()));
        let rotation = Rotation { delta: changes().set_value("huge", &huge).delta(), ..rotation };
        let error = must_be!(world.store().rotate(&old, &rotation).await, Err(error) => error);
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert!(!world.is_live(&rotation.to).await);
    }
    assert!(world.is_live(&id).await);
    must_list(world, &grace, &[]).await;
    must_list(world, &ada, &[&id]).await;
}

/// A principal that has as many sessions as its cap allows sends the form twice. The second sign-in is not refused, and its
/// session replaces the first.
pub(crate) async fn a_second_sign_in_at_the_cap_is_admitted(world: &World) {
    let principal = new_principal();
    let capped = SignIn::new(principal.clone()).with_cap(SessionCap::Refuse(1));
    let (old, _) = world.start_with(&changes().set("theme", "dark")).await;
    let first = signing_in(world, &old, capped.clone());
    world.rotate(&old, &first).await;
    let second = signing_in(world, &old, capped);
    world.rotate(&old, &second).await;
    assert_eq!(world.model(&second.to).await.len(), 1);
    world.must_be_gone(&first.to, Gone::NotFound(Some(EndReason::Limit))).await;
    must_list(world, &principal, &[&second.to]).await;
}

/// Of many forms sent at once from one cookie, each signs in, and each session has the entries.
pub(crate) async fn many_sign_ins_from_one_id_all_succeed(world: &World) {
    for _ in 0..10 {
        let principal = new_principal();
        let (old, _) = world.start_with(&changes().set("theme", "dark")).await;
        let rotations: Vec<_> = (0..4).map(|_| signing_in(world, &old, SignIn::new(principal.clone()))).collect();
        let task = |turn: usize, store: Arc<dyn SessionStore>| {
            let rotation = rotations[turn].clone();
            async move { must_be!(store.rotate(&old, &rotation).await.must(), RotateOutcome::Rotated(_)) }
        };
        world.race(rotations.len(), task).await;
        for rotation in &rotations {
            assert_eq!(world.model(&rotation.to).await.len(), 1);
        }
        assert_eq!(world.listed(&principal).await.len(), rotations.len());
        world.must_be_gone(&old, Gone::Superseded).await;
    }
}

/// Sealed values are bound to an incarnation. The record names it, both for a session that takes values over and for one
/// that starts with only the values of its request.
pub(crate) async fn values_stay_bound_to_their_incarnation(world: &World) {
    let (ada, grace) = (new_principal(), new_principal());
    let (old, stamp) = world.start_with(&changes().set("theme", "dark")).await;
    let first = sign_in(world, &old, &ada).await;
    let bound_to = stamp.incarnation();
    assert_eq!(world.found(&first).await.record.bound_to(), bound_to);
    let copy = sign_in(world, &old, &ada).await;
    let record = world.found(&copy).await.record;
    assert_ne!(record.stamp().incarnation(), bound_to);
    assert_eq!(record.bound_to(), bound_to, "a copy");
    let renewed = world.moved(&copy, RotationKind::Renew).await;
    world.apply(&renewed, &changes().set("a", "1")).await;
    assert_eq!(world.found(&renewed).await.record.bound_to(), bound_to, "for the session's whole life");
    let over = sign_in(world, &renewed, &grace).await;
    assert_eq!(world.found(&over).await.record.bound_to(), bound_to, "another principal may keep values");

    let unknown = new_id();
    let rotation = signing_in(world, &unknown, SignIn::new(ada.clone()));
    let rotation = Rotation { bound_to: Some(bound_to), ..rotation };
    world.rotate(&unknown, &rotation).await;
    assert_eq!(world.found(&rotation.to).await.record.bound_to(), bound_to, "the values of the request");
    let alone = signing_in(world, &unknown, SignIn::new(ada));
    world.rotate(&unknown, &alone).await;
    assert_eq!(world.found(&alone.to).await.record.bound_to(), alone.incarnation());
}

/// Another principal signs in through the old id of a renewal. The first one's session ends, whether or not the renewal is
/// confirmed, and both of its ids are superseded.
pub(crate) async fn another_principal_signs_in_through_an_old_id(world: &World) {
    for confirmed in [false, true] {
        let (ada, grace) = (new_principal(), new_principal());
        let old = world.sign_in(&ada).await;
        world.apply(&old, &changes().set("theme", "dark").set("role", "admin")).await;
        let new = world.moved(&old, RotationKind::Renew).await;
        if confirmed {
            world.touch(&new, TouchOptions::default()).await;
        }
        let keeping = SignIn::new(grace.clone()).with_kept_fields([field("theme")]);
        let rotation = signing_in(world, &old, keeping);
        world.rotate(&old, &rotation).await;
        assert_eq!(world.model(&rotation.to).await, Model::from(&changes().set("theme", "dark")));
        for id in [old, new] {
            world.must_be_gone(&id, Gone::Superseded).await;
        }
        must_list(world, &ada, &[]).await;
        must_list(world, &grace, &[&rotation.to]).await;
    }
}

/// A form is sent through the old id of a renewal, and again after the time at which the old id would have stopped
/// forwarding.
pub(crate) async fn a_second_sign_in_through_an_old_id_copies_the_first(world: &World) {
    let principal = new_principal();
    let (old, _) = world.start_with(&changes().set("theme", "dark")).await;
    let renewal = Rotation { grace: world.ticks(2), ..world.rotation(&old, RotationKind::Renew) };
    world.rotate(&old, &renewal).await;
    world.touch(&renewal.to, TouchOptions::default()).await;
    sign_in(world, &old, &principal).await;
    world.elapse(world.ticks(4)).await;
    for id in [old, renewal.to] {
        world.must_be_gone(&id, Gone::Superseded).await;
        let second = sign_in(world, &id, &principal).await;
        assert_eq!(world.model(&second).await.len(), 1);
    }
}

/// A principal who signs in again from the same browser has one session there: the id that it has left does not count.
pub(crate) async fn a_left_place_does_not_count_under_a_cap(world: &World) {
    let principal = new_principal();
    let capped = SignIn::new(principal.clone()).with_cap(SessionCap::Refuse(2));
    let (first, _) = world.create(&world.signing_in(capped.clone())).await;
    let again = Rotation { grace: world.ticks(2), ..signing_in(world, &first, capped.clone()) };
    world.rotate(&first, &again).await;
    world.elapse(world.ticks(3)).await;
    world.create(&world.signing_in(capped)).await;
    assert_eq!(world.listed(&principal).await.len(), 2);
}

/// A session whose entries a sign-in does not copy is another one, although the old id led to it once: the grace of the
/// forward is over, the renewal's forward has ended, or the session signed in too long ago.
pub(crate) async fn a_session_that_is_not_copied_counts_under_a_cap(world: &World) {
    let capped = |principal: &Principal| SignIn::new(principal.clone()).with_cap(SessionCap::Refuse(1));
    for kind in [RotationKind::Privilege, RotationKind::Renew] {
        for forward_is_over in [true, false] {
            let principal = new_principal();
            let old = world.sign_in(&principal).await;
            world.elapse(world.ticks(5)).await;
            let grace = world.ticks(if forward_is_over { 2 } else { 100 });
            let rotation = Rotation { grace, ..world.rotation(&old, kind) };
            world.rotate(&old, &rotation).await;
            world.touch(&rotation.to, TouchOptions::default()).await;
            if forward_is_over {
                world.elapse(world.ticks(3)).await;
            } else if kind == RotationKind::Renew {
                continue; // The old id gives access to the session, which moves.
            }
            let grace = world.ticks(if forward_is_over { 100 } else { 4 });
            let refused = Rotation { grace, ..signing_in(world, &old, capped(&principal)) };
            let error = must_be!(world.store().rotate(&old, &refused).await, Err(error) => error);
            assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{kind:?}, the forward is over: {forward_is_over}");
            must_list(world, &principal, &[&rotation.to]).await;
        }
    }
}
