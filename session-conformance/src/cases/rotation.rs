//! A session that moves to a new id.

use session_core::{
    ErrorKind, LoadOptions, SessionId,
    model::{EndReason, Value},
    store::{
        Absent, ApplyOutcome, CreateOutcome, DestroyOutcome, LoadOutcome, RotateOutcome, Rotation, RotationKind,
        TouchOptions, TouchOutcome,
    },
};

use crate::{
    gone::Gone,
    model::{Model, changes},
    must::{Must as _, must_be},
    world::{World, at_store, destroy, new_id, sibling, update},
};

const BOTH: [RotationKind; 2] = [RotationKind::Renew, RotationKind::Privilege];

async fn already_rotated(world: &World, id: &SessionId, kind: RotationKind) {
    let late = world.rotation(id, kind);
    must_be!(world.store().rotate(id, &late).await.must(), RotateOutcome::AlreadyRotated);
    must_be!(world.load(&late.to).await, LoadOutcome::Absent(Absent::NotFound(None)));
}

/// The whole session is at the new id.
pub(crate) async fn the_session_is_at_the_new_id(world: &World) {
    for kind in BOTH {
        let (id, _) = world.start_with(&changes().set("theme", "dark").insert("cart", "sku-1", "1")).await;
        let before = world.found(&id).await.record;
        let rotation = world.rotation(&id, kind);
        let applied = world.rotate(&id, &rotation).await;
        assert!(!applied.repeated);
        let after = world.found(&rotation.to).await.record;
        assert_eq!((after.state(), after.created_at()), (before.state(), before.created_at()));
        assert_eq!([after.stamp(), applied.stamp], [before.stamp(); 2], "the stamp does not change without a delta");
    }
}

/// A delta is applied in the same step, and counts as one update.
pub(crate) async fn a_delta_is_applied_in_the_same_step(world: &World) {
    for kind in BOTH {
        let before = changes().set("theme", "dark").insert("guest", "k", "1");
        let (id, stamp) = world.start_with(&before).await;
        let delta = changes().clear("guest").set("user", "Ada");
        let rotation = Rotation { delta: delta.delta(), ..world.rotation(&id, kind) };
        assert_eq!(world.rotate(&id, &rotation).await.stamp, stamp.next(rotation.write.op));
        assert_eq!(world.model(&rotation.to).await, Model::from(&before).after(&delta));
        assert_eq!(world.stamp(&rotation.to).await, stamp.next(rotation.write.op));
    }
}

/// After a renewal every operation works through the old id.
pub(crate) async fn the_old_id_of_a_renewal_forwards(world: &World) {
    let (old, _) = world.start_with(&changes().set("theme", "dark")).await;
    let new = world.moved(&old, RotationKind::Renew).await;
    assert_eq!(world.found(&old).await.record, world.found(&new).await.record);
    let stamp = world.apply(&old, &changes().set("cart", "1")).await.stamp;
    assert_eq!(world.stamp(&new).await, stamp);
    world.elapse(world.ticks(2)).await;
    let touched =
        must_be!(world.store().touch(&old, TouchOptions::default()).await.must(), TouchOutcome::Touched(it) => it);
    assert_eq!(world.found(&new).await.record.deadlines(), touched.deadlines);
    let options = LoadOptions { known: Some(stamp), ..at_store() };
    must_be!(world.store().load(&old, options).await.must(), LoadOutcome::Unchanged(_));
}

/// The answer to a load of an old id says which session it forwards to, so that a cache can follow.
pub(crate) async fn a_forward_names_the_session_it_leads_to(world: &World) {
    let old = world.start().await;
    assert_eq!(world.found(&old).await.forwarded, None);
    let new = world.moved(&old, RotationKind::Renew).await;
    let (there, here) = (Some(*new.digest()), None);
    assert_eq!(world.found(&old).await.forwarded, there);
    assert_eq!(world.found(&new).await.forwarded, here);
    let set = changes().set("cart", "1");
    for (id, forwarded) in [(&old, there), (&new, here)] {
        let applied = world.apply(id, &set).await;
        assert_eq!(applied.forwarded, forwarded);
        let touched = world.store().touch(id, TouchOptions::default()).await.must();
        assert_eq!(must_be!(touched, TouchOutcome::Touched(it) => it).forwarded, forwarded);
        let options = LoadOptions { known: Some(applied.stamp), ..at_store() };
        let unchanged = world.store().load(id, options).await.must();
        assert_eq!(must_be!(unchanged, LoadOutcome::Unchanged(it) => it).forwarded, forwarded);
    }
    let logout = destroy(EndReason::Logout);
    for (id, forwarded) in [(&old, there), (&new, here)] {
        let destroyed = world.store().destroy(id, &logout).await.must();
        assert_eq!(must_be!(destroyed, DestroyOutcome::Destroyed { forwarded, .. } => forwarded), forwarded);
    }
}

/// A destroy through the old id ends the session at the new one, and can be repeated.
pub(crate) async fn a_destroy_works_through_a_forward(world: &World) {
    let old = world.start().await;
    let new = world.moved(&old, RotationKind::Renew).await;
    let logout = destroy(EndReason::Logout);
    for _ in 0..2 {
        must_be!(world.store().destroy(&old, &logout).await.must(), DestroyOutcome::Destroyed { .. });
    }
    for id in [new, old] {
        must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(Some(_))));
        must_be!(
            world.store().apply(&id, &update(&changes().set("a", "1"))).await.must(),
            ApplyOutcome::Absent(Absent::NotFound(_))
        );
        let late = world.store().create(&id, &world.new_session()).await.must();
        must_be!(late, CreateOutcome::Ended(_));
    }
}

/// After a sign-in the old id gives no access at all, and answers Superseded.
pub(crate) async fn a_privilege_rotation_supersedes_the_old_id(world: &World) {
    let old = world.start().await;
    let new = world.moved(&old, RotationKind::Privilege).await;
    world.must_be_gone(&old, Gone::Superseded).await;
    assert_eq!(world.stamp(&new).await.version(), 1, "nothing went through");
}

/// When the grace of a sign-in is over, its old id is unknown like any other.
pub(crate) async fn a_superseded_id_is_unknown_after_the_grace(world: &World) {
    let old = world.start().await;
    let rotation = Rotation { grace: world.ticks(4), ..world.rotation(&old, RotationKind::Privilege) };
    world.rotate(&old, &rotation).await;
    world.elapse(world.ticks(3)).await;
    must_be!(world.load(&old).await, LoadOutcome::Absent(Absent::Superseded));
    world.elapse(world.ticks(2)).await;
    world.must_be_gone(&old, Gone::NotFound(None)).await;
}

/// A superseded id stays superseded when its session is destroyed: it does not reveal a logout elsewhere.
pub(crate) async fn a_superseded_id_stays_superseded_after_a_destroy(world: &World) {
    let old = world.start().await;
    let new = world.moved(&old, RotationKind::Privilege).await;
    world.end(&new).await;
    world.must_be_gone(&old, Gone::Superseded).await;
}

/// No session is created at an id that forwards or is superseded.
pub(crate) async fn no_session_is_created_at_an_old_id(world: &World) {
    for kind in BOTH {
        let old = world.start().await;
        let new = world.moved(&old, kind).await;
        let answer = world.store().create(&old, &world.new_session()).await.must();
        must_be!(answer, CreateOutcome::AlreadyExists);
        assert!(world.is_live(&new).await);
    }
}

/// A rotation of a superseded id loses.
pub(crate) async fn a_rotation_after_a_sign_in_loses(world: &World) {
    for kind in BOTH {
        let old = world.start().await;
        let new = world.moved(&old, RotationKind::Privilege).await;
        already_rotated(world, &old, kind).await;
        assert!(world.is_live(&new).await);
    }
}

/// A sign-in through the forward of a renewal moves the session, and then neither older id gives access.
pub(crate) async fn a_sign_in_works_through_a_forward(world: &World) {
    let first = world.start().await;
    let second = world.moved(&first, RotationKind::Renew).await;
    let rotation =
        Rotation { delta: changes().set("user", "Ada").delta(), ..world.rotation(&first, RotationKind::Privilege) };
    world.rotate(&first, &rotation).await;
    assert!(world.is_live(&rotation.to).await);
    assert!(world.rotate(&first, &rotation).await.repeated, "a retry settles it");
    for id in [first, second] {
        world.must_be_gone(&id, Gone::Superseded).await;
    }
    assert_eq!(world.model(&rotation.to).await, Model::from(&changes().set("user", "Ada")));
}

/// A session can sign in, step up and renew one after the other.
pub(crate) async fn rotations_follow_each_other(world: &World) {
    let (mut id, _) = world.start_with(&changes().set("theme", "dark")).await;
    let mut old = Vec::new();
    for kind in [RotationKind::Privilege, RotationKind::Privilege, RotationKind::Renew, RotationKind::Privilege] {
        old.push(id);
        id = world.moved(&id, kind).await;
        assert_eq!(world.model(&id).await.len(), 1);
    }
    for old in old {
        must_be!(world.load(&old).await, LoadOutcome::Absent(Absent::Superseded));
    }
}

/// A new id in another partition, the old id itself, and an id in use are refused, and the session stays.
pub(crate) async fn invalid_targets_are_refused(world: &World) {
    let id = world.start().await;
    let in_use = sibling(&id);
    let other = world.new_session();
    must_be!(world.store().create(&in_use, &other).await.must(), CreateOutcome::Created(_));
    let mut elsewhere = new_id();
    while elsewhere.digest().partition() == id.digest().partition() {
        elsewhere = new_id();
    }
    for kind in BOTH {
        for to in [elsewhere, id, in_use] {
            let mut rotation = world.rotation(&id, kind);
            rotation.to = to;
            let error = must_be!(world.store().rotate(&id, &rotation).await, Err(error) => error);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
    assert_eq!(world.stamp(&in_use).await, other.stamp());
    assert!(world.is_live(&id).await);
    must_be!(world.load(&elsewhere).await, LoadOutcome::Absent(Absent::NotFound(None)));
}

/// The four bits of an id above its partition are kept for a region. A session moves to an id that differs in them.
pub(crate) async fn the_bits_of_a_region_name_no_partition(world: &World) {
    for kind in BOTH {
        let id = world.start().await;
        let mut rotation = world.rotation(&id, kind);
        rotation.to = in_the_last_region(&rotation.to);
        assert_eq!(rotation.to.digest().partition(), id.digest().partition());
        world.rotate(&id, &rotation).await;
        let stamp = world.apply(&rotation.to, &changes().set("theme", "dark")).await.stamp;
        assert_eq!(world.stamp(&rotation.to).await, stamp);
        let back = Rotation { to: sibling(&id), ..world.rotation(&rotation.to, RotationKind::Privilege) };
        world.rotate(&rotation.to, &back).await;
    }
}

/// The id with ones in the bits of the region. The first character of its text has them and two bits of the partition.
fn in_the_last_region(id: &SessionId) -> SessionId {
    let text = id.expose();
    let (first, rest) = text.split_at(1);
    let first = match first {
        "A" => "8",
        "B" => "9",
        "C" => "-",
        _ => "_",
    };
    format!("{first}{rest}").parse().must()
}

/// An old id is no target while it is remembered: a session never moves back to an id that may have leaked.
pub(crate) async fn a_session_never_moves_back_to_an_old_id(world: &World) {
    for kind in BOTH {
        let old = world.start().await;
        let new = world.moved(&old, kind).await;
        let mut back = world.rotation(&new, RotationKind::Privilege);
        back.to = old;
        let error = must_be!(world.store().rotate(&new, &back).await, Err(error) => error);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{kind:?}");
        assert!(world.is_live(&new).await);
    }
}

/// A rotation that exceeds a limit is refused whole: the session stays at the old id.
pub(crate) async fn a_refused_rotation_moves_nothing(world: &World) {
    for kind in BOTH {
        let (id, stamp) = world.start_with(&changes().set("theme", "dark")).await;
        let huge = Value::from(vec![3; world.store().limits().max_value_bytes + 1]);
        let rotation = Rotation { delta: changes().set_value("huge", &huge).delta(), ..world.rotation(&id, kind) };
        let error = must_be!(world.store().rotate(&id, &rotation).await, Err(error) => error);
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(world.stamp(&id).await, stamp);
        must_be!(world.load(&rotation.to).await, LoadOutcome::Absent(Absent::NotFound(None)));
    }
}
