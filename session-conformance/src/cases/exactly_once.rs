//! Every mutation carries an op id, and a repeat changes nothing.

use session_core::{
    ErrorKind, SessionId,
    model::{EndReason, OpId, Stamp},
    store::{
        Absent, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, NewSession, Precondition, RotateOutcome,
        Rotation, RotationKind, Update,
    },
};

use crate::{
    model::{Model, changes, field},
    must::{Must as _, must_be},
    world::{World, destroy, update},
};

/// Applies this many updates by other writers.
async fn meanwhile(world: &World, id: &SessionId, updates: u32) {
    for step in 0..updates {
        world.apply(id, &changes().set("other", &step.to_string())).await;
    }
}

/// An update sent twice is applied once. The second answer is marked as a repeat and has the same stamp.
pub(crate) async fn a_repeated_update_changes_nothing(world: &World) {
    let (id, base) = world.start_with(&changes()).await;
    let update = update(&changes().set("theme", "dark"));
    let first = world.send(&id, &update).await;
    for attempt in [update.clone(), Update { retry_from: Some(base), ..update }] {
        let again = world.send(&id, &attempt).await;
        assert_eq!((first.repeated, again.repeated, again.stamp), (false, true, first.stamp));
    }
}

/// Δ, then another writer's X, then Δ again: X stays, and the answer has the stamp after X.
pub(crate) async fn a_retry_does_not_undo_another_writers_update(world: &World) {
    let (id, base) = world.start_with(&changes().insert("cart", "sku-1", "1")).await;
    let delta = update(&changes().set("theme", "mine").remove_key("cart", "sku-1"));
    world.send(&id, &delta).await;
    let theirs = changes().set("theme", "theirs").insert("cart", "sku-1", "2");
    let current = world.apply(&id, &theirs).await.stamp;
    let again = world.send(&id, &Update { retry_from: Some(base), ..delta }).await;
    assert_eq!((again.repeated, again.stamp), (true, current));
    assert_eq!(world.model(&id).await, Model::from(&theirs));
}

/// A repeat renews no deadline.
pub(crate) async fn a_repeated_update_renews_no_deadline(world: &World) {
    let (id, _) = world.start_with(&changes()).await;
    let update = update(&changes().set("theme", "dark"));
    let deadlines = world.send(&id, &update).await.deadlines;
    world.elapse(world.ticks(2)).await;
    assert_eq!(world.send(&id, &update).await.deadlines, deadlines);
    assert_eq!(world.found(&id).await.record.deadlines(), deadlines);
}

/// The retry of a compare-and-set that was applied answers Applied, not Conflict.
pub(crate) async fn a_retried_compare_and_set_is_applied(world: &World) {
    let (id, base) = world.start_with(&changes()).await;
    let absent = Precondition::Scalar(field("theme"), None);
    let cas =
        Update { preconditions: vec![Precondition::Stamp(base), absent], ..update(&changes().set("theme", "dark")) };
    let stamp = world.send(&id, &cas).await.stamp;
    let again = world.send(&id, &Update { retry_from: Some(base), ..cas }).await;
    assert_eq!((again.repeated, again.stamp), (true, stamp));
}

/// The retry of a compare-and-set whose first attempt was lost conflicts if the stamp has changed meanwhile.
pub(crate) async fn a_retry_of_a_lost_compare_and_set_conflicts(world: &World) {
    let (id, base) = world.start_with(&changes()).await;
    meanwhile(world, &id, 1).await;
    let cas = Update {
        preconditions: vec![Precondition::Stamp(base)],
        retry_from: Some(base),
        ..update(&changes().set("theme", "dark"))
    };
    must_be!(world.store().apply(&id, &cas).await.must(), ApplyOutcome::Conflict(_));
}

/// A retry whose first attempt was lost is applied.
pub(crate) async fn a_retry_of_a_lost_update_is_applied(world: &World) {
    let (id, base) = world.start_with(&changes()).await;
    let applied = world.send(&id, &Update { retry_from: Some(base), ..update(&changes().set("theme", "dark")) }).await;
    assert_eq!((applied.repeated, applied.stamp.version()), (false, 2));
}

/// The last 16 updates are remembered, so one that 15 others followed still is.
pub(crate) async fn the_last_sixteen_updates_are_remembered(world: &World) {
    let (id, base) = world.start_with(&changes()).await;
    let update = update(&changes().set("theme", "dark"));
    world.send(&id, &update).await;
    meanwhile(world, &id, 15).await;
    let current = world.stamp(&id).await;
    for attempt in [update.clone(), Update { retry_from: Some(base), ..update }] {
        let again = world.send(&id, &attempt).await;
        assert_eq!((again.repeated, again.stamp), (true, current));
    }
}

/// A retry of a lost update whose base is 15 versions behind is applied, because the first attempt is known to be lost.
pub(crate) async fn a_lost_update_fifteen_versions_behind_is_applied(world: &World) {
    let (id, base) = world.start_with(&changes()).await;
    meanwhile(world, &id, 15).await;
    let applied = world.send(&id, &Update { retry_from: Some(base), ..update(&changes().set("theme", "dark")) }).await;
    assert_eq!((applied.repeated, applied.stamp.version()), (false, 17));
}

/// A retry that is not remembered and 16 versions behind may have been applied: it changes nothing and answers that the
/// outcome is unknown.
pub(crate) async fn a_retry_sixteen_versions_behind_is_unknown(world: &World) {
    let (id, base) = world.start_with(&changes()).await;
    let applied = update(&changes().set("theme", "dark"));
    world.send(&id, &applied).await;
    meanwhile(world, &id, 16).await;
    let before = world.found(&id).await.record;
    let lost = update(&changes().set("theme", "light"));
    for attempt in [applied, lost] {
        let answer = world.store().apply(&id, &Update { retry_from: Some(base), ..attempt }).await;
        let error = must_be!(answer, Err(error) => error);
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        assert_eq!(world.found(&id).await.record, before);
    }
}

/// An update that a network holds back past its `not_after` changes nothing. The same update with a later one is applied.
pub(crate) async fn an_update_after_its_time_is_not_applied(world: &World) {
    let (id, _) = world.start_with(&changes()).await;
    let now = world.apply(&id, &changes().set("theme", "dark")).await.now;
    world.elapse(world.ticks(1)).await;
    let before = world.found(&id).await.record;
    let late = Update { not_after: Some(now), ..update(&changes().set("theme", "light")) };
    let error = must_be!(world.store().apply(&id, &late).await, Err(error) => error);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(world.found(&id).await.record, before);
    let again = world.send(&id, &Update { not_after: Some(now.after(world.ticks(1_000))), ..late }).await;
    assert_eq!((again.repeated, again.stamp.version()), (false, before.stamp().version() + 1));
}

/// An update that was applied in time is answered as a repeat when its copy arrives late.
pub(crate) async fn a_repeat_after_its_time_changes_nothing(world: &World) {
    let (id, _) = world.start_with(&changes()).await;
    let now = world.found(&id).await.now;
    let timed = Update { not_after: Some(now.after(world.ticks(10))), ..update(&changes().set("theme", "dark")) };
    let first = world.send(&id, &timed).await;
    meanwhile(world, &id, 1).await;
    world.elapse(world.ticks(11)).await;
    let before = world.found(&id).await.record;
    let again = world.send(&id, &timed).await;
    assert_eq!((first.repeated, again.repeated, again.stamp), (false, true, before.stamp()));
    assert_eq!(world.found(&id).await.record, before);
}

/// A retry whose base is another session of this id is not applied to the current one.
pub(crate) async fn a_retry_of_another_incarnation_is_not_applied(world: &World) {
    let (id, _) = world.start_with(&changes()).await;
    let stamp = world.stamp(&id).await;
    let base = Stamp::from_parts(world.new_session().incarnation, stamp.version(), stamp.tag());
    let retry = Update { retry_from: Some(base), ..update(&changes().set("theme", "dark")) };
    must_be!(world.store().apply(&id, &retry).await.must(), ApplyOutcome::Absent(Absent::NotFound(None)));
    assert_eq!(world.model(&id).await, Model::default());
}

/// A create sent twice creates once, even if the session has moved on in between.
pub(crate) async fn a_repeated_create_answers_created(world: &World) {
    let new = NewSession { entries: changes().set("theme", "dark").delta(), ..world.new_session() };
    let (id, _) = world.create(&new).await;
    let stamp = world.apply(&id, &changes().set("theme", "light")).await.stamp;
    let again = world.store().create(&id, &new).await.must();
    let again = must_be!(again, CreateOutcome::Created(applied) => applied);
    assert_eq!((again.repeated, again.stamp), (true, stamp));
    assert_eq!(world.model(&id).await, Model::from(&changes().set("theme", "light")));
}

/// A destroy sent twice answers Destroyed both times; one with another op id finds nothing.
pub(crate) async fn a_repeated_destroy_answers_destroyed(world: &World) {
    let id = world.start().await;
    let destroy_once = destroy(EndReason::Logout);
    for _ in 0..2 {
        must_be!(world.store().destroy(&id, &destroy_once).await.must(), DestroyOutcome::Destroyed { .. });
    }
    let another = Destroy::new(OpId::generate().must(), EndReason::Revoked);
    let answer = world.store().destroy(&id, &another).await.must();
    let ended = must_be!(answer, DestroyOutcome::Absent(Absent::NotFound(Some(ended))) => ended);
    assert_eq!(ended.reason, EndReason::Logout, "the second destroy does not overwrite the first");
}

/// A rotation sent twice rotates once. The repeat answers Rotated and does not apply its delta again.
pub(crate) async fn a_repeated_rotation_answers_rotated(world: &World) {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let (id, _) = world.start_with(&changes()).await;
        let rotation = Rotation { delta: changes().set("step", "mine").delta(), ..world.rotation(&id, kind) };
        world.rotate(&id, &rotation).await;
        let stamp = world.apply(&rotation.to, &changes().set("step", "theirs")).await.stamp;
        let again = world.rotate(&id, &rotation).await;
        assert_eq!((again.repeated, again.stamp), (true, stamp), "{kind:?}");
        assert_eq!(world.model(&rotation.to).await, Model::from(&changes().set("step", "theirs")));
    }
}

/// A rotation whose answer was lost and that is repeated when the old id is forgotten answers Rotated, from the session
/// at the new id. For another rotation the old id is unknown.
pub(crate) async fn a_rotation_repeated_after_its_grace_answers_rotated(world: &World) {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let (id, _) = world.start_with(&changes()).await;
        let rotation = Rotation { grace: world.ticks(2), ..world.rotation(&id, kind) };
        world.rotate(&id, &rotation).await;
        let stamp = world.apply(&rotation.to, &changes().set("step", "theirs")).await.stamp;
        world.elapse(world.ticks(4)).await;
        let again = world.rotate(&id, &rotation).await;
        assert_eq!((again.repeated, again.stamp), (true, stamp), "{kind:?}");
        let another = world.rotation(&id, kind);
        must_be!(world.store().rotate(&id, &another).await.must(), RotateOutcome::Absent(Absent::NotFound(_)));
        world.end(&rotation.to).await;
        must_be!(world.store().rotate(&id, &rotation).await.must(), RotateOutcome::Absent(Absent::NotFound(_)));
    }
}

/// A repeated rotation does not recreate its session after a destroy.
pub(crate) async fn a_repeated_rotation_of_a_destroyed_session_is_not_found(world: &World) {
    let (id, _) = world.start_with(&changes()).await;
    let rotation = world.rotation(&id, RotationKind::Privilege);
    world.rotate(&id, &rotation).await;
    world.end(&rotation.to).await;
    let answer = world.store().rotate(&id, &rotation).await.must();
    must_be!(answer, RotateOutcome::Absent(Absent::NotFound(Some(_))));
}

/// An update is remembered across a rotation.
pub(crate) async fn op_ids_move_with_the_session(world: &World) {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let (id, _) = world.start_with(&changes()).await;
        let update = update(&changes().set("theme", "dark"));
        world.send(&id, &update).await;
        let moved = world.moved(&id, kind).await;
        assert!(world.send(&moved, &update).await.repeated, "{kind:?}");
    }
}

/// The delta of a rotation counts as an update of its op id: it is remembered at the new id.
pub(crate) async fn the_delta_of_a_rotation_is_remembered(world: &World) {
    let (id, stamp) = world.start_with(&changes()).await;
    let delta = changes().set("theme", "dark");
    let rotation = Rotation { delta: delta.delta(), ..world.rotation(&id, RotationKind::Privilege) };
    assert_eq!(world.rotate(&id, &rotation).await.stamp, stamp.next(rotation.write.op));
    let again = world.send(&rotation.to, &Update::new(rotation.write.op, delta.delta())).await;
    assert!(again.repeated);
}
