//! A session from its creation to its end.

use session_core::{
    LoadOptions,
    model::{EndReason, Stamp},
    store::{Absent, CreateOutcome, DestroyOutcome, LoadOutcome, NewSession, RotationKind, TouchOptions},
};

use crate::{
    gone::Gone,
    model::{Model, changes},
    must::{Must as _, must_be},
    world::{World, at_store, destroy, new_id, same_moment, sibling},
};

/// A created session is loaded with its entries, its stamp and its deadlines.
pub(crate) async fn a_created_session_can_be_loaded(world: &World) {
    let entries = changes().set("theme", "dark").insert("cart", "sku-1", "2");
    let new = NewSession { entries: entries.delta(), ..world.new_session() };
    let (id, applied) = world.create(&new).await;
    let record = world.found(&id).await.record;
    assert_eq!(Model::of(record.state()), Model::from(&entries));
    assert_eq!((record.stamp(), applied.stamp), (new.stamp(), new.stamp()));
    assert_eq!(record.deadlines(), applied.deadlines);
    assert!(!applied.repeated, "the id was unused");
    assert!(same_moment(world, record.created_at(), applied.now), "created at the time of the create");
}

/// A session without entries is a session.
pub(crate) async fn an_empty_session_exists(world: &World) {
    let id = world.start().await;
    assert!(world.found(&id).await.record.state().is_empty());
}

/// An id that was never used is not found by any operation, and no operation creates a session there.
pub(crate) async fn an_unknown_id_is_not_found(world: &World) {
    let id = new_id();
    world.must_be_gone(&id, Gone::NotFound(None)).await;
    must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(None)));
}

/// The sibling of a live id is not found, like any other unused id.
pub(crate) async fn a_sibling_of_a_live_id_is_not_found(world: &World) {
    let id = world.start().await;
    world.must_be_gone(&sibling(&id), Gone::NotFound(None)).await;
}

/// A destroyed session is not found by any operation.
pub(crate) async fn a_destroyed_session_is_not_found(world: &World) {
    let id = world.start().await;
    world.end(&id).await;
    world.must_be_gone(&id, Gone::NotFound(Some(EndReason::Logout))).await;
}

/// The tombstone keeps each reason, and its age.
pub(crate) async fn a_tombstone_keeps_reason_and_age(world: &World) {
    for reason in [EndReason::Logout, EndReason::Revoked, EndReason::Limit] {
        let id = world.start().await;
        must_be!(world.store().destroy(&id, &destroy(reason)).await.must(), DestroyOutcome::Destroyed { .. });
        world.elapse(world.ticks(2)).await;
        let ended = must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(Some(ended))) => ended);
        assert_eq!(ended.reason, reason);
        let ticks = world.ticks(2)..world.ticks(4);
        assert!(ticks.contains(&(ended.age + world.resolution())), "ended {:?} ago, not 2 ticks", ended.age);
    }
}

/// A create of another session on a live id changes nothing and answers AlreadyExists.
pub(crate) async fn a_create_on_a_used_id_is_refused(world: &World) {
    let (id, stamp) = world.start_with(&changes().set("theme", "dark")).await;
    let second = NewSession { entries: changes().set("theme", "light").delta(), ..world.new_session() };
    must_be!(world.store().create(&id, &second).await.must(), CreateOutcome::AlreadyExists);
    assert_eq!(world.stamp(&id).await, stamp);
    assert_eq!(world.model(&id).await, Model::from(&changes().set("theme", "dark")));
}

/// The version is 1 at first and grows by one with every update.
pub(crate) async fn the_version_counts_updates(world: &World) {
    let id = world.start().await;
    assert_eq!(world.stamp(&id).await.version(), 1);
    for version in 2..=5 {
        assert_eq!(world.apply(&id, &changes().set("theme", "dark")).await.stamp.version(), version);
        assert_eq!(world.stamp(&id).await.version(), version);
    }
}

/// The answer to an update has the same stamp as the next load.
pub(crate) async fn stamps_are_derived_from_op_ids(world: &World) {
    let new = world.new_session();
    let (id, _) = world.create(&new).await;
    let mut expected = new.stamp();
    for step in ["a", "b", "c"] {
        let update = crate::world::update(&changes().set("step", step));
        expected = expected.next(update.write.op);
        assert_eq!(world.send(&id, &update).await.stamp, expected);
        assert_eq!(world.stamp(&id).await, expected);
    }
}

/// A load with the current stamp answers Unchanged, with the current deadlines.
pub(crate) async fn a_load_with_the_current_stamp_answers_unchanged(world: &World) {
    let (id, applied) = world.create(&world.new_session()).await;
    let options = LoadOptions { known: Some(applied.stamp), ..at_store() };
    world.elapse(world.ticks(2)).await;
    let renewed = world.touch(&id, TouchOptions::default()).await.deadlines;
    let unchanged = must_be!(world.store().load(&id, options).await.must(), LoadOutcome::Unchanged(now) => now);
    assert_eq!(unchanged.deadlines, renewed);
}

/// A load with an older stamp finds the record.
pub(crate) async fn a_load_with_an_older_stamp_finds_the_record(world: &World) {
    let (id, created) = world.create(&world.new_session()).await;
    world.apply(&id, &changes().set("theme", "dark")).await;
    let options = LoadOptions { known: Some(created.stamp), ..at_store() };
    let found = must_be!(world.store().load(&id, options).await.must(), LoadOutcome::Found(found) => found);
    assert_eq!(found.record.stamp().version(), 2);
}

/// A stamp of the current version but another history is not the current stamp, nor is that of another incarnation.
pub(crate) async fn an_equal_version_is_not_an_equal_stamp(world: &World) {
    let (id, applied) = world.create(&world.new_session()).await;
    let other = world.new_session();
    let tag = applied.stamp.tag() ^ 1;
    for wrong in [
        Stamp::from_parts(applied.stamp.incarnation(), applied.stamp.version(), tag),
        Stamp::from_parts(other.incarnation, applied.stamp.version(), applied.stamp.tag()),
    ] {
        let options = LoadOptions { known: Some(wrong), ..at_store() };
        must_be!(world.store().load(&id, options).await.must(), LoadOutcome::Found(_));
    }
}

/// A load with the known stamp of a destroyed session answers NotFound.
pub(crate) async fn a_load_with_the_stamp_of_a_destroyed_session_is_not_found(world: &World) {
    let (id, applied) = world.create(&world.new_session()).await;
    world.end(&id).await;
    let options = LoadOptions { known: Some(applied.stamp), ..at_store() };
    must_be!(world.store().load(&id, options).await.must(), LoadOutcome::Absent(Absent::NotFound(Some(_))));
}

/// A loaded record stays as it is when the session changes.
pub(crate) async fn a_loaded_record_is_a_snapshot(world: &World) {
    let before = changes().set("theme", "dark").insert("cart", "sku-1", "1");
    let (id, _) = world.start_with(&before).await;
    let record = world.found(&id).await.record;
    world.apply(&id, &changes().set("theme", "light").clear("cart")).await;
    assert_eq!(Model::of(record.state()), Model::from(&before));
    assert_eq!(record.stamp().version(), 1);
}

/// The creation time is that of the create, not of the last update or rotation.
pub(crate) async fn the_creation_time_never_changes(world: &World) {
    let id = world.start().await;
    let created_at = world.found(&id).await.record.created_at();
    world.elapse(world.ticks(2)).await;
    world.apply(&id, &changes().set("theme", "dark")).await;
    let moved = world.moved(&id, RotationKind::Privilege).await;
    assert_eq!(world.found(&moved).await.record.created_at(), created_at);
}

/// Removals among the initial entries remove nothing and do no harm.
pub(crate) async fn initial_entries_may_contain_removals(world: &World) {
    let entries = changes().remove("absent").clear("cart").insert("cart", "sku-1", "1").remove_key("roles", "admin");
    let (id, _) = world.start_with(&entries).await;
    assert_eq!(world.model(&id).await, Model::from(&entries));
}

/// Sessions do not see each other's entries, not even under sibling ids.
pub(crate) async fn sessions_are_separate(world: &World) {
    let id = world.start().await;
    let neighbour = sibling(&id);
    let new = NewSession::generate(world.long_expiry()).must();
    must_be!(world.store().create(&neighbour, &new).await.must(), CreateOutcome::Created(_));
    world.apply(&id, &changes().set("theme", "dark")).await;
    assert_eq!(world.model(&neighbour).await, Model::default());
    world.end(&id).await;
    assert!(world.is_live(&neighbour).await);
}

/// The check of a running store succeeds, and the store has a name.
pub(crate) async fn the_check_of_a_running_store_succeeds(world: &World) {
    world.store().check().await.must();
    assert!(!world.store().backend().is_empty(), "error messages contain the name");
}
