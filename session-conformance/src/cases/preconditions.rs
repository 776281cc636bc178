//! Updates that are applied only under a condition.

use session_core::{
    SessionId,
    model::{Stamp, Value},
    store::{Absent, ApplyOutcome, Conflict, ConflictCause, Precondition, Update},
};

use crate::{
    gone::Gone,
    model::{Model, changes, field, key, value},
    must::{Must as _, must_be},
    world::{World, new_id, update, update_if},
};

async fn conflict(world: &World, id: &SessionId, update: &Update) -> Conflict {
    must_be!(world.store().apply(id, update).await.must(), ApplyOutcome::Conflict(conflict) => conflict)
}

/// A compare-and-set on the current stamp is applied.
pub(crate) async fn the_current_stamp_is_accepted(world: &World) {
    let (id, stamp) = world.start_with(&changes()).await;
    let applied = world.send(&id, &update_if(Precondition::Stamp(stamp), &changes().set("theme", "dark"))).await;
    assert_eq!(applied.stamp.version(), 2);
}

/// A compare-and-set on an old stamp conflicts, and the conflict has the current one.
pub(crate) async fn an_old_stamp_conflicts(world: &World) {
    let (id, old) = world.start_with(&changes()).await;
    let current = world.apply(&id, &changes().set("theme", "dark")).await.stamp;
    let late = update_if(Precondition::Stamp(old), &changes().set("theme", "light"));
    let conflict = conflict(world, &id, &late).await;
    assert_eq!((conflict.current, conflict.cause), (current, ConflictCause::Stamp));
    assert_eq!(world.model(&id).await, Model::from(&changes().set("theme", "dark")));
}

/// A stamp of the current version but another history conflicts.
pub(crate) async fn all_parts_of_a_stamp_are_compared(world: &World) {
    let (id, stamp) = world.start_with(&changes()).await;
    let tag = stamp.tag() ^ 1;
    let incarnation = world.new_session().incarnation;
    for wrong in [
        Stamp::from_parts(stamp.incarnation(), stamp.version(), tag),
        Stamp::from_parts(incarnation, stamp.version(), stamp.tag()),
    ] {
        let late = update_if(Precondition::Stamp(wrong), &changes().set("theme", "light"));
        assert_eq!(conflict(world, &id, &late).await.current, stamp);
    }
}

/// A scalar must have exactly the value, or be absent.
pub(crate) async fn a_scalar_is_compared(world: &World) {
    let (id, _) = world.start_with(&changes().set("token", "a")).await;
    let when = |name, expected: Option<&str>| Precondition::Scalar(field(name), expected.map(value));
    for wrong in [when("token", Some("b")), when("token", None), when("other", Some("a"))] {
        let refused = update_if(wrong, &changes().set("seen", "yes"));
        assert_eq!(conflict(world, &id, &refused).await.cause, ConflictCause::Entry);
    }
    for right in [when("token", Some("a")), when("other", None)] {
        world.send(&id, &update_if(right, &changes().set("seen", "yes"))).await;
    }
}

/// A keyed entry must have exactly the value, or be absent; a scalar of the same name does not count.
pub(crate) async fn a_keyed_entry_is_compared(world: &World) {
    let (id, _) = world.start_with(&changes().insert("cart", "sku-1", "1").set("cart", "1")).await;
    let when = |k, expected: Option<&str>| Precondition::Keyed(field("cart"), key(k), expected.map(value));
    for wrong in [when("sku-1", Some("2")), when("sku-1", None), when("sku-2", Some("1")), when("", Some("1"))] {
        let refused = update_if(wrong, &changes().set("seen", "yes"));
        assert_eq!(conflict(world, &id, &refused).await.cause, ConflictCause::Entry);
    }
    for right in [when("sku-1", Some("1")), when("sku-2", None)] {
        world.send(&id, &update_if(right, &changes().set("seen", "yes"))).await;
    }
}

/// A member of a set, whose value is empty, is present and not absent.
pub(crate) async fn an_empty_value_is_not_an_absent_value(world: &World) {
    let member = Value::MEMBER;
    let (id, _) = world.start_with(&changes().insert_value("roles", "admin", &member)).await;
    let when = |expected| Precondition::Keyed(field("roles"), key("admin"), expected);
    let refused = update_if(when(None), &changes().set("seen", "yes"));
    assert_eq!(conflict(world, &id, &refused).await.cause, ConflictCause::Entry);
    world.send(&id, &update_if(when(Some(member)), &changes().set("seen", "yes"))).await;
}

/// All preconditions must hold, in whatever order they are given.
pub(crate) async fn all_preconditions_must_hold(world: &World) {
    let (id, stamp) = world.start_with(&changes().set("a", "1")).await;
    let right = Precondition::Stamp(stamp);
    let wrong = Precondition::Scalar(field("a"), None);
    for pair in [[right.clone(), wrong.clone()], [wrong, right]] {
        let [first, second] = pair;
        conflict(world, &id, &Update { preconditions: vec![first, second], ..update(&changes().set("b", "2")) }).await;
    }
    assert_eq!(world.model(&id).await.len(), 1);
}

/// Preconditions are checked against the state before the delta, not after it.
pub(crate) async fn preconditions_see_the_state_before_the_delta(world: &World) {
    let (id, _) = world.start_with(&changes()).await;
    let absent = Precondition::Scalar(field("once"), None);
    world.send(&id, &update_if(absent.clone(), &changes().set("once", "1"))).await;
    conflict(world, &id, &update_if(absent, &changes().remove("once"))).await;
}

/// A conflict changes nothing: no entry, no version, no deadline.
pub(crate) async fn a_conflict_changes_nothing(world: &World) {
    let (id, _) = world.start_with(&changes().set("a", "1").insert("cart", "sku-1", "1")).await;
    let before = world.found(&id).await.record;
    world.elapse(world.ticks(2)).await;
    let wrong = Precondition::Scalar(field("a"), None);
    conflict(world, &id, &update_if(wrong, &changes().set("b", "2").clear("cart").remove("a"))).await;
    assert_eq!(world.found(&id).await.record, before);
}

/// An op id that met a conflict is free: the same update is applied once its precondition holds.
pub(crate) async fn a_conflict_is_not_remembered(world: &World) {
    let (id, _) = world.start_with(&changes()).await;
    let attempt = update_if(Precondition::Scalar(field("a"), Some(value("1"))), &changes().set("b", "2"));
    conflict(world, &id, &attempt).await;
    world.apply(&id, &changes().set("a", "1")).await;
    assert!(!world.send(&id, &attempt).await.repeated);
    assert_eq!(world.model(&id).await.len(), 2);
}

/// An empty delta checks its preconditions and changes nothing.
pub(crate) async fn an_empty_delta_only_checks_preconditions(world: &World) {
    let (id, stamp) = world.start_with(&changes().set("a", "1")).await;
    let right = Precondition::Scalar(field("a"), Some(value("1")));
    assert_eq!(world.send(&id, &update_if(right, &changes())).await.stamp, stamp);
    let wrong = Precondition::Scalar(field("a"), Some(value("2")));
    assert_eq!(conflict(world, &id, &update_if(wrong, &changes())).await.current, stamp);
}

/// An absent session is not found, even if the precondition is that an entry is absent.
pub(crate) async fn an_absent_session_is_not_an_absent_entry(world: &World) {
    let id = new_id();
    let first = update_if(Precondition::Scalar(field("once"), None), &changes().set("once", "1"));
    must_be!(world.store().apply(&id, &first).await.must(), ApplyOutcome::Absent(Absent::NotFound(None)));
    world.must_be_gone(&id, Gone::NotFound(None)).await;
}
