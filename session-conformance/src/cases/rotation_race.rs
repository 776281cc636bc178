//! Rotations that race other requests.

use std::sync::Arc;

use session_core::{
    SessionId,
    store::{Absent, ApplyOutcome, LoadOutcome, RotateOutcome, Rotation, RotationKind, SessionStore},
};

use crate::{
    gone::Gone,
    model::changes,
    must::{Must as _, must_be},
    world::{World, at_store, update},
};

/// Readers stop after this many reads if they have not seen the rotation.
const READS: usize = 100_000;

async fn raced(world: &World, id: SessionId, rotations: &[Rotation]) -> Vec<RotateOutcome> {
    let task = |turn: usize, store: Arc<dyn SessionStore>| {
        let rotation = rotations[turn].clone();
        async move { store.rotate(&id, &rotation).await.must() }
    };
    world.race(rotations.len(), task).await
}

/// Of several rotations of one kind one wins; the others learn that they lost, and no session is at their ids.
pub(crate) async fn one_of_many_rotations_wins(world: &World) {
    for round in 0..20 {
        let kind = if round % 2 == 0 { RotationKind::Renew } else { RotationKind::Privilege };
        let id = world.start().await;
        let rotations: Vec<Rotation> = (0..4).map(|_| world.rotation(&id, kind)).collect();
        let answers = raced(world, id, &rotations).await;
        let mut winners = 0;
        for (rotation, answer) in rotations.iter().zip(answers) {
            match answer {
                RotateOutcome::Rotated(_) => winners += 1,
                RotateOutcome::AlreadyRotated => {}
                other => panic!("unexpected {other:?}"),
            }
            assert_eq!(world.is_live(&rotation.to).await, matches!(answer, RotateOutcome::Rotated(_)));
        }
        assert_eq!(winners, 1);
    }
}

/// A renewal and a sign-in race. In either order, the sign-in holds and the old id gives no access.
pub(crate) async fn a_sign_in_beats_a_renewal(world: &World) {
    for _ in 0..20 {
        let id = world.start().await;
        let renew = world.rotation(&id, RotationKind::Renew);
        let sign_in = world.rotation(&id, RotationKind::Privilege);
        let answers = raced(world, id, &[renew.clone(), sign_in.clone()]).await;
        must_be!(answers[1], RotateOutcome::Rotated(_));
        assert!(world.is_live(&sign_in.to).await);
        assert!(!world.is_live(&renew.to).await);
        world.must_be_gone(&id, Gone::Superseded).await;
    }
}

/// Updates during a renewal are all kept: through the old id or the new one, none is lost and none refused.
pub(crate) async fn updates_during_a_renewal_are_kept(world: &World) {
    const WRITERS: usize = 5;
    for _ in 0..10 {
        let id = world.start().await;
        let rotation =
            Rotation { delta: changes().set("moved", "yes").delta(), ..world.rotation(&id, RotationKind::Renew) };
        let task = |turn: usize, store: Arc<dyn SessionStore>| {
            let rotation = rotation.clone();
            async move {
                if turn == WRITERS {
                    must_be!(store.rotate(&id, &rotation).await.must(), RotateOutcome::Rotated(_));
                    return;
                }
                for step in 0..4 {
                    let line = update(&changes().insert("cart", &format!("{turn}-{step}"), "1"));
                    must_be!(store.apply(&id, &line).await.must(), ApplyOutcome::Applied(_));
                }
            }
        };
        world.race(WRITERS + 1, task).await;
        let record = world.found(&rotation.to).await.record;
        assert_eq!(record.state().keyed("cart").len(), WRITERS * 4);
        assert_eq!(record.stamp().version(), 2 + WRITERS as u64 * 4);
    }
}

/// Updates during a sign-in are applied before it, or not at all.
pub(crate) async fn updates_during_a_sign_in_are_kept_or_refused(world: &World) {
    const WRITERS: usize = 5;
    for _ in 0..10 {
        let id = world.start().await;
        let rotation = world.rotation(&id, RotationKind::Privilege);
        let task = |turn: usize, store: Arc<dyn SessionStore>| {
            let rotation = rotation.clone();
            async move {
                if turn == WRITERS {
                    must_be!(store.rotate(&id, &rotation).await.must(), RotateOutcome::Rotated(_));
                    return 0;
                }
                let line = update(&changes().insert("cart", &turn.to_string(), "1"));
                match store.apply(&id, &line).await.must() {
                    ApplyOutcome::Applied(_) => 1,
                    ApplyOutcome::Absent(Absent::Superseded) => 0,
                    other => panic!("unexpected {other:?}"),
                }
            }
        };
        let kept: usize = world.race(WRITERS + 1, task).await.into_iter().sum();
        assert_eq!(world.model(&rotation.to).await.len(), kept);
    }
}

/// Runs one rotation and two readers at once, several times. The readers check with `is_moved`, which returns whether the
/// session is at the new id, until it is.
async fn read_while_moving<F>(
    world: &World,
    kind: RotationKind,
    is_moved: impl Fn(Arc<dyn SessionStore>, SessionId, SessionId) -> F + Copy + Send + 'static,
) where
    F: Future<Output = bool> + Send,
{
    for _ in 0..10 {
        let id = world.start().await;
        let rotation = world.rotation(&id, kind);
        let task = |turn: usize, store: Arc<dyn SessionStore>| {
            let rotation = rotation.clone();
            async move {
                if turn == 0 {
                    must_be!(store.rotate(&id, &rotation).await.must(), RotateOutcome::Rotated(_));
                    return;
                }
                for _ in 0..READS {
                    if is_moved(store.clone(), id, rotation.to).await {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
        };
        world.race(3, task).await;
    }
}

/// A reader of the old id during a renewal finds the session at every moment.
pub(crate) async fn readers_find_the_session_throughout_a_renewal(world: &World) {
    let is_moved = |store: Arc<dyn SessionStore>, old, new| async move {
        must_be!(store.load(&old, at_store()).await.must(), LoadOutcome::Found(_));
        matches!(store.load(&new, at_store()).await.must(), LoadOutcome::Found(_))
    };
    read_while_moving(world, RotationKind::Renew, is_moved).await;
}

/// A reader of both ids during a sign-in finds the session at one of them: whenever the old id answers Superseded, the
/// session is at the new one.
pub(crate) async fn readers_find_the_session_throughout_a_sign_in(world: &World) {
    let is_moved = |store: Arc<dyn SessionStore>, old, new| async move {
        match store.load(&old, at_store()).await.must() {
            LoadOutcome::Found(_) => false,
            LoadOutcome::Absent(Absent::Superseded) => {
                must_be!(store.load(&new, at_store()).await.must(), LoadOutcome::Found(_));
                true
            }
            other => panic!("unexpected {other:?}"),
        }
    };
    read_while_moving(world, RotationKind::Privilege, is_moved).await;
}
