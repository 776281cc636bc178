//! Dropped futures: a client that disconnects, a timeout. Each operation is dropped at each of its awaits in turn. The
//! session must then be as before or as after the operation, and a retry with the same op id must settle it.

use std::{
    pin::pin,
    task::{Context, Poll},
};

use session_core::{
    SessionId,
    model::EndReason,
    store::{
        Absent, CreateOutcome, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome, Rotation, RotationKind,
        TouchOptions, Update,
    },
};

use crate::{
    model::{Changes, Model, changes},
    must::{Must as _, must_be},
    world::{World, destroy, new_id, update},
};

/// More awaits than any operation has.
const MAX_AWAITS: usize = 10_000;

/// Drops a future when it is pending for the `limit`th time; with 0, before its first poll. Returns `None` if it was
/// dropped.
async fn dropped_after<F: Future>(limit: usize, future: F) -> Option<F::Output> {
    if limit == 0 {
        return None;
    }
    let mut future = pin!(future);
    let mut polls = 0;
    std::future::poll_fn(move |cx: &mut Context<'_>| match future.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => {
            polls += 1;
            if polls >= limit { Poll::Ready(None) } else { Poll::Pending }
        }
    })
    .await
}

fn before() -> Changes {
    changes().set("a", "1").insert("cart", "sku-1", "1").insert("cart", "sku-2", "2")
}

fn delta() -> Changes {
    changes().clear("cart").insert("cart", "sku-3", "3").remove("a").set("b", "2")
}

/// The state at this id must be either that before or that after the delta.
async fn is_whole(world: &World, id: &SessionId, dropped_at: usize) {
    let state = world.model(id).await;
    let whole = [Model::from(&before()), Model::from(&before()).after(&delta())];
    assert!(whole.contains(&state), "dropped at await {dropped_at}: {state:?}");
}

/// A dropped create leaves the whole session or none.
pub(crate) async fn of_a_create(world: &World) {
    for at in 0..MAX_AWAITS {
        let (id, new) = (new_id(), NewSession { entries: before().delta(), ..world.new_session() });
        let answer = dropped_after(at, world.store().create(&id, &new)).await;
        match world.load(&id).await {
            LoadOutcome::Found(found) => assert_eq!(Model::of(found.record.state()), Model::from(&before())),
            other => must_be!(other, LoadOutcome::Absent(Absent::NotFound(None))),
        }
        must_be!(world.store().create(&id, &new).await.must(), CreateOutcome::Created(_));
        assert_eq!(world.stamp(&id).await, new.stamp());
        if answer.is_some() {
            return;
        }
    }
}

/// A dropped update is applied whole or not at all, and its retry applies it once.
pub(crate) async fn of_an_update(world: &World) {
    for at in 0..MAX_AWAITS {
        let (id, base) = world.start_with(&before()).await;
        let update = update(&delta());
        let answer = dropped_after(at, world.store().apply(&id, &update)).await;
        is_whole(world, &id, at).await;
        world.send(&id, &Update { retry_from: Some(base), ..update }).await;
        assert_eq!(world.stamp(&id).await, base.next(update.write.op), "dropped at await {at}");
        assert_eq!(world.model(&id).await, Model::from(&before()).after(&delta()));
        if answer.is_some() {
            return;
        }
    }
}

/// A dropped touch leaves the session as it was, with the old deadline or the new one.
pub(crate) async fn of_a_touch(world: &World) {
    for at in 0..MAX_AWAITS {
        let (id, stamp) = world.start_with(&before()).await;
        let old = world.found(&id).await.record.deadlines();
        world.elapse(world.ticks(1)).await;
        let answer = dropped_after(at, world.store().touch(&id, TouchOptions::default())).await;
        let record = world.found(&id).await.record;
        assert_eq!((record.stamp(), Model::of(record.state())), (stamp, Model::from(&before())));
        assert!(record.deadlines().expires_at() >= old.expires_at());
        if answer.is_some() {
            return;
        }
    }
}

/// A dropped rotation leaves the whole session at one of the two ids. Its retry settles it.
pub(crate) async fn of_a_rotation(world: &World) {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        for at in 0..MAX_AWAITS {
            let (id, stamp) = world.start_with(&before()).await;
            let rotation = Rotation { delta: delta().delta(), ..world.rotation(&id, kind) };
            let answer = dropped_after(at, world.store().rotate(&id, &rotation)).await;
            match world.load(&rotation.to).await {
                LoadOutcome::Found(_) => is_whole(world, &rotation.to, at).await,
                LoadOutcome::Absent(Absent::NotFound(None)) => {
                    assert_eq!(world.stamp(&id).await, stamp, "dropped at await {at}: at neither id");
                    is_whole(world, &id, at).await;
                }
                other => panic!("unexpected {other:?}"),
            }
            must_be!(world.store().rotate(&id, &rotation).await.must(), RotateOutcome::Rotated(_));
            assert_eq!(world.stamp(&rotation.to).await, stamp.next(rotation.write.op));
            assert_eq!(world.model(&rotation.to).await, Model::from(&before()).after(&delta()));
            if answer.is_some() {
                break;
            }
        }
    }
}

/// A dropped destroy has ended the session or not. Its retry ends it.
pub(crate) async fn of_a_destroy(world: &World) {
    for at in 0..MAX_AWAITS {
        let (id, _) = world.start_with(&before()).await;
        let logout = destroy(EndReason::Logout);
        let answer = dropped_after(at, world.store().destroy(&id, &logout)).await;
        match world.load(&id).await {
            LoadOutcome::Found(found) => assert_eq!(Model::of(found.record.state()), Model::from(&before())),
            other => must_be!(other, LoadOutcome::Absent(Absent::NotFound(Some(_)))),
        }
        must_be!(world.store().destroy(&id, &logout).await.must(), DestroyOutcome::Destroyed { .. });
        must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(Some(_))));
        if answer.is_some() {
            return;
        }
    }
}

/// A dropped load has changed nothing.
pub(crate) async fn of_a_load(world: &World) {
    let (id, _) = world.start_with(&before()).await;
    let record = world.found(&id).await.record;
    for at in 0..MAX_AWAITS {
        let options = session_core::LoadOptions::default();
        let answer = dropped_after(at, world.store().load(&id, options)).await;
        assert_eq!(world.found(&id).await.record, record);
        if answer.is_some() {
            return;
        }
    }
}

/// A dropped revocation has ended some of the sessions or none. A repeat ends the others.
pub(crate) async fn of_a_revocation(world: &World) {
    for at in 0..MAX_AWAITS {
        let principal = crate::world::new_principal();
        let ids = [world.sign_in(&principal).await, world.sign_in(&principal).await];
        let answer = dropped_after(at, world.index().revoke_all(&principal, None, EndReason::Revoked)).await;
        world.revoke_all(&principal, None).await;
        for id in &ids {
            must_be!(world.load(id).await, LoadOutcome::Absent(Absent::NotFound(Some(_))));
        }
        assert_eq!(world.listed(&principal).await, []);
        if answer.is_some() {
            return;
        }
    }
}

/// A dropped sign-in leaves a session that is listed, or none. Its retry settles it.
pub(crate) async fn of_a_sign_in(world: &World) {
    for at in 0..MAX_AWAITS {
        let principal = crate::world::new_principal();
        let (id, new) = (new_id(), world.signed_in(&principal));
        let answer = dropped_after(at, world.store().create(&id, &new)).await;
        let live = world.is_live(&id).await;
        assert!(!live || world.listed(&principal).await == [*id.digest()], "the session is live and not listed");
        must_be!(world.store().create(&id, &new).await.must(), CreateOutcome::Created(_));
        assert_eq!(world.listed(&principal).await, [*id.digest()]);
        if answer.is_some() {
            return;
        }
    }
}
