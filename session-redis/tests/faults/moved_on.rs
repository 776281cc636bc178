//! A session moves on, or its old id ends, while a call is between the forward that it has read and the session to which
//! that leads.

use std::{pin::pin, time::Duration};

use session_core::{
    SessionId,
    model::{EndReason, OpId},
    store::{
        Absent, AcquireOutcome, ApplyOutcome, Destroy, DestroyOutcome, LoadOutcome, RotateOutcome, Rotation,
        RotationKind, SessionLock as _, SessionStore as _, TouchOptions, TouchOutcome,
    },
};
use session_redis::RedisStore;
use session_testkit::{Direction, LinkCutter, Server};

use crate::{
    belongings::key_of,
    rig::{LEASE, config, connect, create, done, found, guarded, load, new, op, update},
};

/// A store whose replies can be held, and another one on the same server.
struct Scene {
    server: Server,
    link: LinkCutter,
    held: RedisStore,
    other: RedisStore,
}

impl Scene {
    async fn set() -> Self {
        let server = Server::start().await;
        let link = LinkCutter::to(server.addr()).await;
        let quiet = config(link.url()).health_interval(Duration::from_secs(3_600));
        let (held, other) = (connect(quiet).await, connect(config(server.url())).await);
        Self { server, link, held, other }
    }

    /// A session that has moved through a renewal: its old and its new id.
    async fn renewed(&self) -> (SessionId, SessionId) {
        let (old, _) = create(&self.other, &new()).await;
        let to = self.renew(&old, Duration::ZERO).await;
        (old, to)
    }

    /// Moves a session through a renewal with this grace.
    async fn renew(&self, at: &SessionId, grace: Duration) -> SessionId {
        let rotation = Rotation { grace, ..rotation(at, RotationKind::Renew) };
        let outcome = done(self.other.rotate(at, &rotation).await);
        assert!(matches!(outcome, RotateOutcome::Rotated(_)), "{outcome:?}");
        rotation.to
    }

    /// Starts the call, and does something else after the server has answered its first request and before that answer
    /// arrives.
    async fn between<T, U>(&self, call: impl Future<Output = T>, meanwhile: impl Future<Output = U>) -> T {
        let mut call = pin!(call);
        self.link.hold(Direction::Replies);
        tokio::select! {
            biased;
            () = self.link.wait_for_held(Direction::Replies, 1) => {}
            _ = &mut call => panic!("there was no answer"),
        }
        meanwhile.await;
        self.link.release(Direction::Replies);
        guarded("the call returns", call).await
    }
}

fn rotation(at: &SessionId, kind: RotationKind) -> Rotation {
    Rotation::new(op(), at.generate_sibling().unwrap(), kind)
}

/// With a grace the id that the session leaves is superseded, and without one it holds nothing. Either sends the call back
/// to the old id, which forwards to where the session is now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_follows_a_session_that_moves_on_after_its_forward_was_read() {
    let scene = Scene::set().await;
    let store = &scene.held;
    for grace in [Duration::ZERO, Duration::from_secs(300)] {
        let (old, _) = scene.renewed().await;
        let move_on = scene.renew(&old, grace);
        let applied = done(scene.between(store.apply(&old, &update("theme", "dark")), move_on).await);
        assert!(matches!(applied, ApplyOutcome::Applied(_)), "{grace:?}: {applied:?}");

        let (old, _) = scene.renewed().await;
        let move_on = scene.renew(&old, grace);
        let touched = done(scene.between(store.touch(&old, TouchOptions::default()), move_on).await);
        assert!(matches!(touched, TouchOutcome::Touched(_)), "{grace:?}: {touched:?}");

        let (old, _) = scene.renewed().await;
        let move_on = scene.renew(&old, grace);
        let acquired = done(scene.between(store.acquire(&old, OpId::from(1), LEASE), move_on).await);
        assert!(matches!(acquired, AcquireOutcome::Acquired(_)), "{grace:?}: {acquired:?}");

        let (old, _) = scene.renewed().await;
        let move_on = scene.renew(&old, grace);
        let step_up = rotation(&old, RotationKind::Privilege);
        let rotated = done(scene.between(store.rotate(&old, &step_up), move_on).await);
        assert!(matches!(rotated, RotateOutcome::Rotated(_)), "{grace:?}: {rotated:?}");
        found(store, &step_up.to).await;

        let (old, _) = scene.renewed().await;
        let move_on = scene.renew(&old, grace);
        let destroy = Destroy::new(op(), EndReason::Logout);
        let destroyed = done(scene.between(store.destroy(&old, &destroy), move_on).await);
        assert!(matches!(destroyed, DestroyOutcome::Destroyed { .. }), "{grace:?}: {destroyed:?}");
        assert!(matches!(load(store, &old).await, LoadOutcome::Absent(Absent::NotFound(Some(_)))));
    }
}

/// A rotation through an old id that has ended meanwhile moves nothing: a stolen old id would live on at the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_id_that_has_ended_since_its_forward_was_read_moves_no_session() {
    let scene = Scene::set().await;
    let renew = |old: &SessionId| rotation(old, RotationKind::Renew);
    let step_up = |old: &SessionId| rotation(old, RotationKind::Privilege);
    for rotation in [&renew as &dyn Fn(&SessionId) -> Rotation, &step_up] {
        // The time to confirm the renewal is over.
        let (old, at) = scene.renewed().await;
        let rotation_of_old = rotation(&old);
        let key = key_of(&scene.server, &old).await;
        let words = [b"DEL".as_slice(), &key];
        let expire = scene.server.command(&words);
        let outcome = done(scene.between(scene.held.rotate(&old, &rotation_of_old), expire).await);
        assert_eq!(outcome, RotateOutcome::Absent(Absent::NotFound(None)));
        found(&scene.other, &at).await;

        // The renewal is confirmed, and its grace is over.
        let (old, at) = scene.renewed().await;
        let rotation_of_old = rotation(&old);
        let confirm = scene.other.touch(&at, TouchOptions::default());
        let outcome = done(scene.between(scene.held.rotate(&old, &rotation_of_old), confirm).await);
        let RotateOutcome::Absent(Absent::NotFound(Some(ended))) = outcome else { panic!("{outcome:?}") };
        assert_eq!(ended.reason, EndReason::Renewed);
        found(&scene.other, &at).await;
    }
}
