//! The environment of a case: two nodes of one backend, its clock, and the steps that most cases share.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use session_core::{
    Expiry, LoadOptions, Principal, ReadLevel, SessionId,
    model::{EndReason, OpId, Stamp, Timestamp},
    store::{
        Applied, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, Found, LoadOutcome, NewSession, Precondition,
        RotateOutcome, Rotation, RotationKind, SessionIndex, SessionLock, SessionStore, TouchOptions, TouchOutcome,
        Touched, Update,
    },
};
use tokio::sync::Barrier;

use crate::{
    Harness,
    model::{Changes, Model},
    must::{Must as _, must_be},
};

pub(crate) struct World {
    // Declared before the backend, so that the handles are dropped before its guard.
    nodes: [Arc<dyn SessionStore>; 2],
    backend: Box<dyn Elapse>,
    tick: Duration,
    resolution: Duration,
    tombstone: Option<Duration>,
}

/// A running backend of any harness type.
trait Elapse: Send + Sync {
    fn elapse(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

struct Started<H: Harness> {
    harness: Arc<H>,
    backend: H::Backend,
}

impl<H: Harness> Elapse for Started<H> {
    fn elapse(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.harness.elapse(&self.backend, time))
    }
}

/// An update with a fresh op id.
pub(crate) fn update(changes: &Changes) -> Update {
    Update::new(OpId::generate().must(), changes.delta())
}

/// The same under a condition.
pub(crate) fn update_if(precondition: Precondition, changes: &Changes) -> Update {
    Update { preconditions: vec![precondition], ..update(changes) }
}

/// A destroy with a fresh op id.
pub(crate) fn destroy(reason: EndReason) -> Destroy {
    Destroy::new(OpId::generate().must(), reason)
}

/// Options of a load that asks the store.
pub(crate) fn at_store() -> LoadOptions {
    LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() }
}

pub(crate) fn sibling(id: &SessionId) -> SessionId {
    id.generate_sibling().must()
}

pub(crate) fn new_id() -> SessionId {
    SessionId::generate().must()
}

/// A principal that no other case uses.
pub(crate) fn new_principal() -> Principal {
    Principal::new(&format!("user-{:016x}", u64::from(OpId::generate().must()))).must()
}

pub(crate) fn same_moment(world: &World, left: Timestamp, right: Timestamp) -> bool {
    left.since(right).max(right.since(left)) <= world.resolution
}

impl World {
    pub(crate) fn new<H: Harness>(nodes: [Arc<dyn SessionStore>; 2], harness: Arc<H>, backend: H::Backend) -> Self {
        let (tick, resolution, tombstone) = (harness.tick(), harness.resolution(), harness.tombstone());
        Self { nodes, backend: Box::new(Started { harness, backend }), tick, resolution, tombstone }
    }

    /// The first node.
    pub(crate) fn store(&self) -> &dyn SessionStore {
        self.nodes[0].as_ref()
    }

    /// The second node.
    pub(crate) fn other(&self) -> &dyn SessionStore {
        self.nodes[1].as_ref()
    }

    /// One node or the other in turn, for a task.
    pub(crate) fn node(&self, turn: usize) -> Arc<dyn SessionStore> {
        self.nodes[turn % 2].clone()
    }

    pub(crate) fn index(&self) -> &dyn SessionIndex {
        self.store().index().unwrap_or_else(|| panic!("the store no longer has an index"))
    }

    pub(crate) fn locks(&self) -> &dyn SessionLock {
        self.store().lock().unwrap_or_else(|| panic!("the store no longer has locks"))
    }

    pub(crate) fn ticks(&self, ticks: u32) -> Duration {
        self.tick * ticks
    }

    pub(crate) fn resolution(&self) -> Duration {
        self.resolution
    }

    /// How long tombstones last. Only for cases that need [`Harness::tombstone`].
    pub(crate) fn tombstone(&self) -> Duration {
        self.tombstone.unwrap_or_else(|| panic!("the harness does not state how long tombstones last"))
    }

    /// Lets time pass.
    pub(crate) async fn elapse(&self, time: Duration) {
        self.backend.elapse(time).await;
    }

    /// Deadlines that no case reaches.
    pub(crate) fn long_expiry(&self) -> Expiry {
        Expiry::both(self.ticks(1_000), self.ticks(2_000))
    }

    pub(crate) fn new_session(&self) -> NewSession {
        NewSession::generate(self.long_expiry()).must()
    }

    pub(crate) async fn create(&self, new: &NewSession) -> (SessionId, Applied) {
        let id = new_id();
        let outcome = self.store().create(&id, new).await.must();
        (id, must_be!(outcome, CreateOutcome::Created(applied) => applied))
    }

    /// A new, empty session with deadlines that no case reaches.
    pub(crate) async fn start(&self) -> SessionId {
        self.create(&self.new_session()).await.0
    }

    /// A new session with these entries.
    pub(crate) async fn start_with(&self, entries: &Changes) -> (SessionId, Stamp) {
        let (id, applied) = self.create(&NewSession { entries: entries.delta(), ..self.new_session() }).await;
        (id, applied.stamp)
    }

    /// A new, empty session with these deadlines.
    pub(crate) async fn start_for(&self, expiry: Expiry) -> (SessionId, Applied) {
        self.create(&NewSession::generate(expiry).must()).await
    }

    pub(crate) async fn apply(&self, id: &SessionId, changes: &Changes) -> Applied {
        self.send(id, &update(changes)).await
    }

    /// Sends an update that must succeed.
    pub(crate) async fn send(&self, id: &SessionId, update: &Update) -> Applied {
        must_be!(self.store().apply(id, update).await.must(), ApplyOutcome::Applied(applied) => applied)
    }

    pub(crate) async fn load(&self, id: &SessionId) -> LoadOutcome {
        self.store().load(id, at_store()).await.must()
    }

    pub(crate) async fn found(&self, id: &SessionId) -> Found {
        must_be!(self.load(id).await, LoadOutcome::Found(found) => found)
    }

    pub(crate) async fn stamp(&self, id: &SessionId) -> Stamp {
        self.found(id).await.record.stamp()
    }

    pub(crate) async fn model(&self, id: &SessionId) -> Model {
        Model::of(self.found(id).await.record.state())
    }

    pub(crate) async fn is_live(&self, id: &SessionId) -> bool {
        matches!(self.load(id).await, LoadOutcome::Found(_))
    }

    pub(crate) async fn touch(&self, id: &SessionId, options: TouchOptions) -> Touched {
        must_be!(self.store().touch(id, options).await.must(), TouchOutcome::Touched(touched) => touched)
    }

    pub(crate) async fn end(&self, id: &SessionId) {
        let outcome = self.store().destroy(id, &destroy(EndReason::Logout)).await.must();
        must_be!(outcome, DestroyOutcome::Destroyed { .. });
    }

    /// A rotation to a new sibling, with a grace that no case reaches by accident.
    pub(crate) fn rotation(&self, from: &SessionId, kind: RotationKind) -> Rotation {
        Rotation { grace: self.ticks(100), ..Rotation::new(OpId::generate().must(), sibling(from), kind) }
    }

    /// Sends a rotation that must succeed.
    pub(crate) async fn rotate(&self, from: &SessionId, rotation: &Rotation) -> Applied {
        let outcome = self.store().rotate(from, rotation).await.must();
        must_be!(outcome, RotateOutcome::Rotated(applied) => applied)
    }

    /// Moves a session, and returns its new id.
    pub(crate) async fn moved(&self, from: &SessionId, kind: RotationKind) -> SessionId {
        let rotation = self.rotation(from, kind);
        self.rotate(from, &rotation).await;
        rotation.to
    }

    /// Runs `count` tasks at once, on both nodes, and returns their answers.
    pub(crate) async fn race<T, F>(&self, count: usize, task: impl Fn(usize, Arc<dyn SessionStore>) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let start = Arc::new(Barrier::new(count));
        let tasks: Vec<_> = (0..count)
            .map(|turn| {
                let (start, task) = (start.clone(), task(turn, self.node(turn)));
                tokio::spawn(async move {
                    start.wait().await;
                    task.await
                })
            })
            .collect();
        let mut answers = Vec::with_capacity(count);
        for task in tasks {
            answers.push(task.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())));
        }
        answers
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}
