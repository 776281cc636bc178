//! Two nodes of one application.

use session_core::{
    LoadOptions, SessionId,
    model::{Stamp, Value},
    store::{Absent, ApplyOutcome, LoadOutcome, Precondition, RotationKind, SessionStore, Update},
};

use crate::{
    model::{Model, changes},
    must::{Must as _, must_be},
    world::{World, at_store, update, update_if},
};

/// The stamp that this node reads with these options.
async fn seen(store: &dyn SessionStore, id: &SessionId, options: LoadOptions) -> Stamp {
    must_be!(store.load(id, options).await.must(), LoadOutcome::Found(found) => found.record.stamp())
}

/// At the read level of the store, each node sees the acknowledged writes of the other at once.
pub(crate) async fn each_node_sees_the_others_writes(world: &World) {
    let id = world.start().await;
    for step in 0..10 {
        let (writer, reader) =
            if step % 2 == 0 { (world.node(0), world.node(1)) } else { (world.node(1), world.node(0)) };
        let line = update(&changes().insert("cart", &step.to_string(), "1"));
        let applied = must_be!(writer.apply(&id, &line).await.must(), ApplyOutcome::Applied(applied) => applied);
        assert_eq!(seen(reader.as_ref(), &id, at_store()).await, applied.stamp);
    }
    assert_eq!(world.model(&id).await.len(), 10);
}

/// A node reads its own writes, at any level.
pub(crate) async fn each_node_reads_its_own_writes(world: &World) {
    let id = world.start().await;
    for step in 0..5 {
        let stamp = world.apply(&id, &changes().set("step", &step.to_string())).await.stamp;
        assert_eq!(seen(world.store(), &id, LoadOptions::default()).await, stamp);
    }
    world.end(&id).await;
    must_be!(world.store().load(&id, LoadOptions::default()).await.must(), LoadOutcome::Absent(Absent::NotFound(_)));
}

/// A floor shows the acknowledged writes of the other node, without sending every read to the store.
pub(crate) async fn a_floor_shows_the_other_nodes_writes(world: &World) {
    let id = world.start().await;
    seen(world.other(), &id, LoadOptions::default()).await;
    for step in 0..5 {
        let stamp = world.apply(&id, &changes().set("step", &step.to_string())).await.stamp;
        let at_floor = LoadOptions { floor: Some(stamp.into()), ..LoadOptions::default() };
        assert_eq!(seen(world.other(), &id, at_floor).await, stamp);
    }
}

/// A stamp that one node knows is no longer current when the other has written.
pub(crate) async fn a_known_stamp_is_outdated_by_the_other_node(world: &World) {
    let (id, stamp) = world.start_with(&changes().set("a", "1")).await;
    let known = LoadOptions { known: Some(stamp), ..at_store() };
    must_be!(world.other().load(&id, known).await.must(), LoadOutcome::Unchanged(_));
    let after = world.apply(&id, &changes().set("a", "2")).await.stamp;
    assert_eq!(seen(world.other(), &id, known).await, after);
}

/// A conflict has the stamp that the other node wrote.
pub(crate) async fn a_conflict_names_the_others_stamp(world: &World) {
    let (id, stamp) = world.start_with(&changes().set("a", "1")).await;
    let theirs = world.apply(&id, &changes().set("a", "2")).await.stamp;
    let mine = update_if(Precondition::Stamp(stamp), &changes().set("a", "3"));
    let conflict = must_be!(world.other().apply(&id, &mine).await.must(), ApplyOutcome::Conflict(conflict) => conflict);
    assert_eq!(conflict.current, theirs);
}

/// A retry may come from another node than the first attempt.
pub(crate) async fn a_retry_may_come_from_another_node(world: &World) {
    let (id, stamp) = world.start_with(&changes()).await;
    let once = update(&changes().set("a", "1"));
    world.send(&id, &once).await;
    let again = world.other().apply(&id, &Update { retry_from: Some(stamp), ..once }).await.must();
    assert!(must_be!(again, ApplyOutcome::Applied(applied) => applied).repeated);
}

/// A rotation on one node is visible on the other: the new id at once, the old one as its kind requires.
pub(crate) async fn a_rotation_is_visible_on_the_other_node(world: &World) {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let (old, stamp) = world.start_with(&changes().set("a", "1")).await;
        let new = world.moved(&old, kind).await;
        assert_eq!(seen(world.other(), &new, at_store()).await, stamp);
        match kind {
            RotationKind::Renew => assert_eq!(seen(world.other(), &old, at_store()).await, stamp),
            RotationKind::Privilege => {
                must_be!(world.other().load(&old, at_store()).await.must(), LoadOutcome::Absent(Absent::Superseded));
            }
        }
    }
}

/// Both nodes report the same limits, and both enforce them.
pub(crate) async fn both_nodes_have_the_same_limits(world: &World) {
    let limits = world.store().limits();
    assert_eq!(world.other().limits(), limits);
    let id = world.start().await;
    let huge = Value::from(vec![3; limits.max_value_bytes + 1]);
    for node in [world.store(), world.other()] {
        must_be!(node.apply(&id, &update(&changes().set_value("huge", &huge))).await, Err(_));
    }
    assert_eq!(world.model(&id).await, Model::default());
}
