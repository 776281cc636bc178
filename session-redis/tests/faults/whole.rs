//! A script that does not do all of its work does none of it.

use std::{fmt::Debug, time::Duration};

use session_core::{
    Error, ErrorKind, Limits, Principal, SessionCap, SessionId,
    model::{Delta, EndReason, Incarnation, OpId, Stamp},
    store::{
        Absent, AcquireOutcome, ApplyOutcome, Conflict, ConflictCause, CreateOutcome, Destroy, DestroyOutcome,
        FencingToken, NewSession, Precondition, RotateOutcome, Rotation, RotationKind, SessionLock as _,
        SessionStore as _, TenureOutcome, TouchOptions, TouchOutcome, Update,
    },
};
use session_redis::RedisStore;
use session_testkit::Server;

use crate::{
    belongings::{Belongings, Listener},
    rig::{
        LEASE, TOMBSTONE, alice, config, create, done, draw, field, key, kind, new, op, set, sign_in, signed_in,
        update, value,
    },
};

struct Scene {
    server: Server,
    store: RedisStore,
    listener: Listener,
}

impl Scene {
    /// A store with low limits.
    async fn set() -> Self {
        let server = Server::start().await;
        let limits = Limits { max_entries: 3, max_value_bytes: 100, max_session_bytes: 200 };
        let store = RedisStore::builder(config(server.url())).limits(limits).tombstone(TOMBSTONE).connect().await;
        let listener = Listener::to(&server).await;
        Self { store: done(store), server, listener }
    }

    /// The outcome of a call that changes and publishes nothing.
    async fn idle<T: Debug>(&mut self, what: &str, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let before = Belongings::of(&self.server).await;
        self.listener.received().await;
        let outcome = call.await;
        let differences = before.differences(&Belongings::of(&self.server).await);
        assert_eq!(differences, Vec::<String>::new(), "{what} changed something: {outcome:?}");
        assert_eq!(self.listener.received().await, 0, "{what} published something: {outcome:?}");
        outcome
    }

    /// An ended session.
    async fn ended(&self) -> SessionId {
        let (id, _) = create(&self.store, &new()).await;
        done(self.store.destroy(&id, &destroy()).await);
        id
    }

    /// The old and the new id of a session that has moved.
    async fn moved(&self, kind: RotationKind) -> (SessionId, Rotation) {
        let (id, _) = create(&self.store, &new()).await;
        let rotation = rotation(&id, kind);
        done(self.store.rotate(&id, &rotation).await);
        (id, rotation)
    }
}

pub(crate) fn destroy() -> Destroy {
    Destroy::new(op(), EndReason::Logout)
}

pub(crate) fn rotation(id: &SessionId, kind: RotationKind) -> Rotation {
    Rotation::new(op(), id.generate_sibling().unwrap(), kind)
}

fn too_large() -> [Delta; 3] {
    let mut many = Delta::new();
    for name in ["a", "b", "c", "d"] {
        many.set(field(name), value("x"));
    }
    let mut long = Delta::new();
    for name in ["a", "b", "c"] {
        long.set(field(name), value(&"x".repeat(80)));
    }
    [set("a", &"x".repeat(101)), many, long]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_refuses() {
    let mut scene = Scene::set().await;
    let store = scene.store.clone();
    let request = new();
    let (id, _) = create(&store, &request).await;
    let used = scene.idle("an id in use", store.create(&id, &new())).await;
    assert_eq!(done(used), CreateOutcome::AlreadyExists);
    let repeat = scene.idle("a repeat", store.create(&id, &request)).await;
    assert!(matches!(done(repeat), CreateOutcome::Created(applied) if applied.repeated));
    let ended = scene.ended().await;
    let again = scene.idle("an ended session", store.create(&ended, &new())).await;
    assert!(matches!(done(again), CreateOutcome::Ended(_)));
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let (old, _) = scene.moved(kind).await;
        let forward = scene.idle("a forward", store.create(&old, &new())).await;
        assert_eq!(done(forward), CreateOutcome::AlreadyExists);
    }
    for entries in too_large() {
        for request in [NewSession { entries: entries.clone(), ..new() }, NewSession { entries, ..signed_in() }] {
            assert_eq!(kind(scene.idle("a limit", store.create(&draw(), &request)).await), ErrorKind::LimitExceeded);
        }
    }
}

/// Listed sessions stay listed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_refuses() {
    let mut scene = Scene::set().await;
    let store = scene.store.clone();
    let (id, _) = create(&store, &signed_in()).await;
    let capped = NewSession { sign_in: Some(sign_in().with_cap(SessionCap::Refuse(1))), ..new() };
    assert_eq!(kind(scene.idle("a cap", store.create(&draw(), &capped)).await), ErrorKind::LimitExceeded);
    // The list may have other times for it afterwards.
    let used = store.create(&id, &signed_in()).await;
    assert_eq!(done(used), CreateOutcome::AlreadyExists);
    let index = store.index().unwrap();
    let listed = done(index.sessions(&alice(), 10).await);
    assert_eq!(listed.iter().map(|session| session.digest).collect::<Vec<_>>(), [*id.digest()]);
    let bob = Principal::new("bob").unwrap();
    let not_his = scene.idle("another's session", index.revoke(&bob, id.digest(), EndReason::Revoked)).await;
    assert!(!done(not_his));
    let nothing = scene.idle("no session", index.revoke(&alice(), draw().digest(), EndReason::Revoked)).await;
    assert!(!done(nothing));
    assert_eq!(done(scene.idle("nobody", index.revoke_all(&bob, None, EndReason::Revoked)).await).ended, []);
    assert_eq!(
        done(scene.idle("but this one", index.revoke_all(&alice(), Some(&id), EndReason::Revoked)).await).ended,
        []
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apply_refuses() {
    let mut scene = Scene::set().await;
    let store = scene.store.clone();
    assert_eq!(
        done(scene.idle("no session", store.apply(&draw(), &update("a", "b"))).await),
        ApplyOutcome::Absent(Absent::NotFound(None))
    );
    let ended = scene.ended().await;
    let gone = scene.idle("an ended session", store.apply(&ended, &update("a", "b"))).await;
    assert!(matches!(done(gone), ApplyOutcome::Absent(Absent::NotFound(Some(_)))));
    let (old, _) = scene.moved(RotationKind::Privilege).await;
    let old = scene.idle("a superseded id", store.apply(&old, &update("a", "b"))).await;
    assert_eq!(done(old), ApplyOutcome::Absent(Absent::Superseded));

    let (id, stamp) = create(&store, &new()).await;
    let token = FencingToken { owner: OpId::from(1), counter: 1 };
    let other = Stamp::from_parts(stamp.incarnation(), stamp.version(), stamp.tag() ^ 1);
    for (condition, cause) in [
        (Precondition::Stamp(other), ConflictCause::Stamp),
        (Precondition::Scalar(field("who"), None), ConflictCause::Entry),
        (Precondition::Scalar(field("who"), Some(value("you"))), ConflictCause::Entry),
        (Precondition::Keyed(field("cart"), key("sku"), Some(value("1"))), ConflictCause::Entry),
        (Precondition::Lock(token), ConflictCause::Lock),
    ] {
        for changes in [set("a", "b"), Delta::new()] {
            let update = Update { preconditions: vec![condition.clone()], ..Update::new(op(), changes) };
            let conflict = scene.idle("a precondition", store.apply(&id, &update)).await;
            assert_eq!(done(conflict), ApplyOutcome::Conflict(Conflict { current: stamp, cause }));
        }
    }
    for delta in too_large() {
        let refusal = scene.idle("a limit", store.apply(&id, &Update::new(op(), delta))).await;
        assert_eq!(kind(refusal), ErrorKind::LimitExceeded);
    }
    let empty = scene.idle("an empty delta", store.apply(&id, &Update::new(op(), Delta::new()))).await;
    assert!(matches!(done(empty), ApplyOutcome::Applied(applied) if applied.stamp == stamp));
    let stranger = Stamp::from_parts(Incarnation::from(1), stamp.version(), stamp.tag());
    let other_life =
        scene.idle("another life", store.apply(&id, &Update { retry_from: Some(stranger), ..update("a", "b") })).await;
    assert_eq!(done(other_life), ApplyOutcome::Absent(Absent::NotFound(None)));

    let first = update("a", "b");
    done(store.apply(&id, &first).await);
    let repeat = scene.idle("a repeat", store.apply(&id, &first)).await;
    assert!(matches!(done(repeat), ApplyOutcome::Applied(applied) if applied.repeated));
    for _ in 0..16 {
        done(store.apply(&id, &update("a", "c")).await);
    }
    let late = scene.idle("too late to know", store.apply(&id, &Update { retry_from: Some(stamp), ..first })).await;
    assert_eq!(kind(late), ErrorKind::OutcomeUnknown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn touch_and_destroy_refuse() {
    let mut scene = Scene::set().await;
    let store = scene.store.clone();
    let (nowhere, ended) = (draw(), scene.ended().await);
    let (old, _) = scene.moved(RotationKind::Privilege).await;
    let touch = |id| store.touch(id, TouchOptions::default());
    assert_eq!(done(scene.idle("no session", touch(&nowhere)).await), TouchOutcome::Absent(Absent::NotFound(None)));
    assert!(matches!(
        done(scene.idle("an ended one", touch(&ended)).await),
        TouchOutcome::Absent(Absent::NotFound(Some(_)))
    ));
    assert_eq!(done(scene.idle("a superseded id", touch(&old)).await), TouchOutcome::Absent(Absent::Superseded));
    let (id, _) = create(&store, &new()).await;
    let shorter = TouchOptions { idle: Some(Duration::ZERO), ..TouchOptions::default() };
    assert!(matches!(done(scene.idle("a shorter time", store.touch(&id, shorter)).await), TouchOutcome::Touched(_)));

    let end = destroy();
    done(store.destroy(&id, &end).await);
    let repeat = scene.idle("a repeat", store.destroy(&id, &end)).await;
    assert_eq!(done(repeat), DestroyOutcome::Destroyed { replicas: None, forwarded: None });
    let other = destroy();
    assert_eq!(
        done(scene.idle("no session", store.destroy(&nowhere, &other)).await),
        DestroyOutcome::Absent(Absent::NotFound(None))
    );
    let again = scene.idle("an ended one", store.destroy(&ended, &other)).await;
    assert!(matches!(done(again), DestroyOutcome::Absent(Absent::NotFound(Some(_)))));
    assert_eq!(
        done(scene.idle("a superseded id", store.destroy(&old, &other)).await),
        DestroyOutcome::Absent(Absent::Superseded)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotate_refuses() {
    let mut scene = Scene::set().await;
    let store = scene.store.clone();
    let nowhere = draw();
    let none = scene.idle("no session", store.rotate(&nowhere, &rotation(&nowhere, RotationKind::Renew))).await;
    assert_eq!(done(none), RotateOutcome::Absent(Absent::NotFound(None)));
    let ended = scene.ended().await;
    let gone = scene.idle("an ended one", store.rotate(&ended, &rotation(&ended, RotationKind::Renew))).await;
    assert!(matches!(done(gone), RotateOutcome::Absent(Absent::NotFound(Some(_)))));

    for how in [RotationKind::Renew, RotationKind::Privilege] {
        let (old, first) = scene.moved(how).await;
        let second = rotation(&old, RotationKind::Renew);
        let late = scene.idle("another was first", store.rotate(&old, &second)).await;
        assert_eq!(done(late), RotateOutcome::AlreadyRotated, "{how:?}");
        let repeat = scene.idle("a repeat", store.rotate(&old, &first)).await;
        assert!(matches!(done(repeat), RotateOutcome::Rotated(applied) if applied.repeated));
        let on = rotation(&first.to, RotationKind::Privilege);
        done(store.rotate(&first.to, &on).await);
        let stale = scene.idle("it has moved on", store.rotate(&old, &first)).await;
        assert!(
            matches!(done(stale), RotateOutcome::Absent(Absent::Superseded) | RotateOutcome::AlreadyRotated),
            "{how:?}"
        );
    }

    let (id, _) = create(&store, &new()).await;
    let mut there = rotation(&id, RotationKind::Privilege);
    done(store.create(&there.to, &new()).await);
    let in_use = scene.idle("a new id in use", store.rotate(&id, &there)).await;
    assert_eq!(kind(in_use), ErrorKind::InvalidInput);
    done(store.destroy(&there.to, &destroy()).await);
    let ended = scene.idle("a new id that was ended", store.rotate(&id, &there)).await;
    assert!(matches!(done(ended), RotateOutcome::Ended(_)));
    for delta in too_large() {
        there = Rotation { delta: delta.clone(), ..rotation(&id, RotationKind::Renew) };
        assert_eq!(kind(scene.idle("a limit", store.rotate(&id, &there)).await), ErrorKind::LimitExceeded);
        there = Rotation { delta, sign_in: Some(sign_in()), ..rotation(&id, RotationKind::Privilege) };
        assert_eq!(kind(scene.idle("a limit", store.rotate(&id, &there)).await), ErrorKind::LimitExceeded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_refuse() {
    let mut scene = Scene::set().await;
    let store = scene.store.clone();
    let (id, _) = create(&store, &new()).await;
    let (mine, other) = (OpId::from(1), OpId::from(2));
    let AcquireOutcome::Acquired(token) = done(store.acquire(&id, mine, TOMBSTONE).await) else { panic!("it is free") };
    let held = scene.idle("another's lock", store.acquire(&id, other, TOMBSTONE)).await;
    assert!(matches!(done(held), AcquireOutcome::Held(_)));
    let again = scene.idle("my own lock", store.acquire(&id, mine, TOMBSTONE)).await;
    assert_eq!(done(again), AcquireOutcome::Acquired(token));
    let old = FencingToken { owner: token.owner, counter: 0 };
    assert_eq!(done(scene.idle("an old token", store.renew(&id, old, LEASE)).await), TenureOutcome::Lost);
    assert_eq!(done(scene.idle("an old token", store.release(&id, old)).await), TenureOutcome::Lost);
    let none = scene.idle("no session", store.acquire(&draw(), mine, LEASE)).await;
    assert_eq!(done(none), AcquireOutcome::Absent(Absent::NotFound(None)));
    assert_eq!(
        done(scene.idle("no session", store.renew(&draw(), token, LEASE)).await),
        TenureOutcome::Absent(Absent::NotFound(None))
    );
}
