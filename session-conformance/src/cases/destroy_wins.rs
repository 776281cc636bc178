//! Nothing recreates a destroyed session.

use std::sync::Arc;

use session_core::{
    model::EndReason,
    store::{
        Absent, ApplyOutcome, CreateOutcome, DestroyOutcome, LoadOutcome, RotateOutcome, RotationKind, SessionStore,
        TouchOptions, TouchOutcome, Update,
    },
};

use crate::{
    gone::Gone,
    model::changes,
    must::{Must as _, must_be},
    world::{World, destroy, update},
};

const ENDED: Gone = Gone::NotFound(Some(EndReason::Logout));

/// A commit that arrives after the logout is not applied, and the session stays ended.
pub(crate) async fn over_a_late_update(world: &World) {
    let id = world.start().await;
    world.end(&id).await;
    let late = update(&changes().set("cart", "1"));
    must_be!(world.other().apply(&id, &late).await.must(), ApplyOutcome::Absent(Absent::NotFound(Some(_))));
    world.must_be_gone(&id, ENDED).await;
}

/// A late touch does not recreate it.
pub(crate) async fn over_a_late_touch(world: &World) {
    let id = world.start().await;
    world.end(&id).await;
    let late = world.other().touch(&id, TouchOptions::default()).await.must();
    must_be!(late, TouchOutcome::Absent(Absent::NotFound(Some(_))));
    world.must_be_gone(&id, ENDED).await;
}

/// A late rotation of either kind does not recreate it, and no session is at the new id.
pub(crate) async fn over_a_late_rotation(world: &World) {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let id = world.start().await;
        world.end(&id).await;
        let late = world.rotation(&id, kind);
        must_be!(world.other().rotate(&id, &late).await.must(), RotateOutcome::Absent(Absent::NotFound(Some(_))));
        world.must_be_gone(&late.to, Gone::NotFound(None)).await;
    }
}

/// The retry of an update that had been applied answers that there is no session.
pub(crate) async fn over_a_retried_update(world: &World) {
    let (id, base) = world.start_with(&changes()).await;
    let update = update(&changes().set("cart", "1"));
    world.send(&id, &update).await;
    world.end(&id).await;
    for attempt in [update.clone(), Update { retry_from: Some(base), ..update }] {
        must_be!(world.store().apply(&id, &attempt).await.must(), ApplyOutcome::Absent(Absent::NotFound(Some(_))));
    }
    world.must_be_gone(&id, ENDED).await;
}

/// Neither a delayed attempt of its own create nor any other create on that id recreates it.
pub(crate) async fn over_a_delayed_create(world: &World) {
    let new = world.new_session();
    let (id, _) = world.create(&new).await;
    world.end(&id).await;
    world.elapse(world.ticks(10)).await;
    for late in [new, world.new_session()] {
        let ended = must_be!(world.other().create(&id, &late).await.must(), CreateOutcome::Ended(ended) => ended);
        assert_eq!(ended.reason, EndReason::Logout);
    }
    world.must_be_gone(&id, ENDED).await;
}

/// A rotation to its id is refused: a destroyed id is no target, and the session that would move stays at its id.
pub(crate) async fn over_a_rotation_to_its_id(world: &World) {
    let id = world.start().await;
    let mut rotation = world.rotation(&id, RotationKind::Privilege);
    let (ended, new) = (rotation.to, world.new_session());
    must_be!(world.store().create(&ended, &new).await.must(), CreateOutcome::Created(_));
    must_be!(
        world.store().destroy(&ended, &destroy(EndReason::Revoked)).await.must(),
        DestroyOutcome::Destroyed { .. }
    );
    let answer = world.store().rotate(&id, &rotation).await.must();
    assert_eq!(must_be!(answer, RotateOutcome::Ended(ended) => ended).reason, EndReason::Revoked);
    assert!(world.is_live(&id).await);
    rotation.to = crate::world::sibling(&id);
    world.rotate(&id, &rotation).await;
}

/// Writers of all kinds race one destroy. Once it is acknowledged, the session is gone for good.
pub(crate) async fn over_everything_at_once(world: &World) {
    for _ in 0..25 {
        let new = world.new_session();
        let (id, _) = world.create(&new).await;
        let task = |turn: usize, store: Arc<dyn SessionStore>| {
            let new = new.clone();
            async move {
                match turn {
                    0 => drop(store.destroy(&id, &destroy(EndReason::Logout)).await.must()),
                    1 => drop(store.touch(&id, TouchOptions::default()).await.must()),
                    2 => drop(store.create(&id, &new).await.must()),
                    _ => drop(store.apply(&id, &update(&changes().set("cart", "1"))).await.must()),
                }
            }
        };
        world.race(6, task).await;
        world.must_be_gone(&id, ENDED).await;
    }
}

/// A rotation races a destroy of the old id. If the destroy answers Destroyed, no session is left at either id.
pub(crate) async fn over_a_racing_rotation(world: &World) {
    for round in 0..25 {
        let kind = if round % 2 == 0 { RotationKind::Renew } else { RotationKind::Privilege };
        let id = world.start().await;
        let rotation = world.rotation(&id, kind);
        let task = |turn: usize, store: Arc<dyn SessionStore>| {
            let rotation = rotation.clone();
            async move {
                if turn == 0 {
                    return Some(store.destroy(&id, &destroy(EndReason::Logout)).await.must());
                }
                store.rotate(&id, &rotation).await.must();
                None
            }
        };
        let answers = world.race(2, task).await;
        let live = world.is_live(&rotation.to).await;
        match answers[0] {
            Some(DestroyOutcome::Destroyed { .. }) => assert!(!live && !world.is_live(&id).await, "it is still live"),
            Some(DestroyOutcome::Absent(Absent::Superseded)) => assert!(live, "superseded by what?"),
            ref other => panic!("unexpected {other:?}"),
        }
    }
}

/// NotFound says why the session ended for exactly as long as its tombstone exists.
pub(crate) async fn until_the_tombstone_ends(world: &World) {
    let id = world.start().await;
    world.end(&id).await;
    world.elapse(world.tombstone() - world.ticks(1)).await;
    world.must_be_gone(&id, ENDED).await;
    world.elapse(world.ticks(2)).await;
    world.must_be_gone(&id, Gone::NotFound(None)).await;
}

/// After the tombstone, the id is unknown like any other, and a create on it is admitted: tombstones do not take memory
/// forever.
pub(crate) async fn the_id_is_free_when_the_tombstone_ends(world: &World) {
    let id = world.start().await;
    world.end(&id).await;
    world.elapse(world.tombstone() + world.ticks(1)).await;
    let new = world.new_session();
    must_be!(world.store().create(&id, &new).await.must(), CreateOutcome::Created(_));
    assert_eq!(world.stamp(&id).await, new.stamp());
}

/// A session destroyed on one node is gone on the other at once.
pub(crate) async fn on_the_other_node(world: &World) {
    let id = world.start().await;
    must_be!(world.other().destroy(&id, &destroy(EndReason::Logout)).await.must(), DestroyOutcome::Destroyed { .. });
    must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(Some(_))));
}
