//! Watching a session through [`Sessions::watch`], which relies on the feed.

use std::{pin::pin, task::Poll, time::Duration};

use session_core::{
    Expiry, SessionId, Sessions, Watch, WatchEnd,
    model::EndReason,
    store::{Rotation, RotationKind, SessionStore, Update},
};

use crate::{
    model::changes,
    must::{Must as _, must_be},
    world::{World, destroy, new_id, new_principal, sibling, update},
};

/// A watch that takes longer to end does not end.
const PATIENCE: Duration = Duration::from_secs(10);

impl World {
    /// The sessions of the first node.
    fn sessions(&self) -> Sessions {
        Sessions::new(self.node(0))
    }

    /// Ends a session on the other node.
    async fn end_elsewhere(&self, id: &SessionId, reason: EndReason) {
        self.other().destroy(id, &destroy(reason)).await.must();
    }

    /// A new session in the same partition as another.
    async fn neighbour(&self, of: &SessionId) -> SessionId {
        let id = sibling(of);
        self.store().create(&id, &self.new_session()).await.must();
        id
    }
}

async fn end(watch: Watch) -> WatchEnd {
    tokio::time::timeout(PATIENCE, watch).await.unwrap_or_else(|_| panic!("the watch of an ended session did not end"))
}

async fn must_end(watch: Watch, reason: EndReason) {
    let ended = must_be!(end(watch).await, WatchEnd::Ended(ended) => ended);
    assert_eq!(ended.reason, reason);
}

/// Fails the case if the watch has ended.
async fn must_be_pending(watch: &mut Watch) {
    let polled = std::future::poll_fn(|cx| Poll::Ready(pin!(&mut *watch).poll(cx))).await;
    must_be!(polled, Poll::Pending);
}

/// A session that ends on the other node ends its watches, with the reason, and no other watch.
pub(crate) async fn an_end_is_reported(world: &World) {
    let sessions = world.sessions();
    let mut bystander = sessions.watch(&world.start().await).await.must();
    for reason in [EndReason::Logout, EndReason::Revoked, EndReason::Limit] {
        let id = world.start().await;
        let (first, second) = (sessions.watch(&id).await.must(), sessions.watch(&id).await.must());
        world.end_elsewhere(&id, reason).await;
        must_end(first, reason).await;
        must_end(second, reason).await;
    }
    must_be_pending(&mut bystander).await;
}

/// Revoking all sessions of a principal ends their watches.
pub(crate) async fn a_revocation_is_reported(world: &World) {
    let sessions = world.sessions();
    let principal = new_principal();
    let ids = [world.sign_in(&principal).await, world.sign_in(&principal).await];
    let watches = [sessions.watch(&ids[0]).await.must(), sessions.watch(&ids[1]).await.must()];
    assert_eq!(Sessions::new(world.node(1)).revoke_all(&principal).await.must(), 2);
    for watch in watches {
        must_end(watch, EndReason::Revoked).await;
    }
}

/// A watch ends at the session's new deadline, if that comes before the old one.
pub(crate) async fn an_earlier_deadline_is_noticed(world: &World) {
    let sessions = world.sessions();
    let id = world.start().await;
    let mut watch = sessions.watch(&id).await.must();
    must_be_pending(&mut watch).await;
    let update = Update { expiry: Some(Expiry::absolute(world.ticks(3))), ..update(&changes().set("a", "1")) };
    world.other().apply(&id, &update).await.must();
    world.elapse(world.ticks(4)).await;
    must_be!(end(watch).await, WatchEnd::Expired);
}

/// A watch follows its session through renewals and step-ups.
pub(crate) async fn the_session_is_followed(world: &World) {
    let sessions = world.sessions();
    for kinds in [[RotationKind::Renew, RotationKind::Privilege], [RotationKind::Privilege, RotationKind::Renew]] {
        let mut id = world.start().await;
        let watch = sessions.watch(&id).await.must();
        for kind in kinds {
            let rotation = Rotation { grace: Duration::ZERO, ..world.rotation(&id, kind) };
            world.other().rotate(&id, &rotation).await.must();
            id = rotation.to;
        }
        world.end_elsewhere(&id, EndReason::Revoked).await;
        must_end(watch, EndReason::Revoked).await;
    }
}

/// A watch that begins at the old id of a renewal watches the session.
pub(crate) async fn an_old_id_leads_to_the_session(world: &World) {
    let old = world.start().await;
    let id = world.moved(&old, RotationKind::Renew).await;
    let watch = world.sessions().watch(&old).await.must();
    world.end_elsewhere(&id, EndReason::Logout).await;
    must_end(watch, EndReason::Logout).await;
}

/// The watches of live sessions stay pending while others end.
pub(crate) async fn other_sessions_stay_watched(world: &World) {
    let sessions = world.sessions();
    let id = world.start().await;
    let mut watch = sessions.watch(&id).await.must();
    for _ in 0..3 {
        let neighbour = world.neighbour(&id).await;
        let last = sessions.watch(&neighbour).await.must();
        must_be_pending(&mut watch).await;
        world.end_elsewhere(&neighbour, EndReason::Logout).await;
        // Everything published in the partition before has been received.
        must_end(last, EndReason::Logout).await;
    }
    must_be_pending(&mut watch).await;
    world.end_elsewhere(&id, EndReason::Logout).await;
    must_end(watch, EndReason::Logout).await;
}

/// The watch of a session that is gone ends at once.
pub(crate) async fn a_session_that_is_gone_is_reported_at_once(world: &World) {
    let sessions = world.sessions();
    let (ended, old) = (world.start().await, world.start().await);
    world.end_elsewhere(&ended, EndReason::Limit).await;
    world.moved(&old, RotationKind::Privilege).await;
    must_end(sessions.watch(&ended).await.must(), EndReason::Limit).await;
    assert_eq!(end(sessions.watch(&old).await.must()).await, WatchEnd::Superseded);
    assert_eq!(end(sessions.watch(&new_id()).await.must()).await, WatchEnd::NotFound);
}

/// No end is missed between the beginning of a watch and the changes that it receives.
pub(crate) async fn an_end_during_the_beginning_of_a_watch_is_reported(world: &World) {
    for _ in 0..20 {
        let id = world.start().await;
        let (sessions, other) = (world.sessions(), world.node(1));
        let ending = tokio::spawn(async move { other.destroy(&id, &destroy(EndReason::Logout)).await.map(drop) });
        must_end(sessions.watch(&id).await.must(), EndReason::Logout).await;
        ending.await.unwrap_or_else(|error| panic!("{error}")).must();
    }
}
