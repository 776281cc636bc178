//! A node: a cache in front of Redis, and the links by which it can be cut off.

use std::{sync::Arc, time::Duration};

use session_core::{
    Clock as _, Error, Expiry, LoadOptions, SessionId, SystemClock,
    model::{Delta, EndReason, Field, Format, OpId, Stamp, Timestamp, Value},
    store::{
        Absent, Applied, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, Found, LoadOutcome, NewSession,
        RotateOutcome, Rotation, RotationKind, SessionStore, Update,
    },
};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{LinkCutter, Server};
use session_tiered::Stats;

use crate::{
    cache::{Build, Cache, SOUND},
    split::Split,
    until,
};

/// The staleness bound of these tests.
pub(crate) const BOUND: Duration = Duration::from_millis(300);
/// Few partitions, so that sessions of one partition are soon found.
pub(crate) const PARTITIONS: u32 = 8;
/// Longer than any call takes that is meant to be answered.
const PATIENCE: Duration = Duration::from_secs(20);
/// For calls that are meant to fail soon.
const HASTE: Duration = Duration::from_secs(1);

/// The outcome of a scenario: an error is a violation that was seen.
pub(crate) type Verdict = Result<(), String>;

/// Fails the test if there was a violation.
#[track_caller]
pub(crate) fn kept(verdict: Verdict) {
    if let Err(violation) = verdict {
        panic!("{violation}");
    }
}

pub(crate) struct Node {
    pub(crate) store: Arc<dyn SessionStore>,
    stats: Arc<dyn Fn() -> Stats + Send + Sync>,
}

/// The links of one node to its server.
pub(crate) struct Links {
    pub(crate) commands: LinkCutter,
    pub(crate) listening: LinkCutter,
}

/// The settings of a node.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) deadline: Duration,
    pub(crate) partitions: u32,
    pub(crate) buffer: usize,
    pub(crate) build: Build,
}

/// With patient deadlines.
pub(crate) const PATIENT: Plan = Plan { deadline: PATIENCE, partitions: PARTITIONS, buffer: 8_192, build: SOUND };
/// With short deadlines, so that an outage is noticed soon.
pub(crate) const HASTY: Plan = Plan { deadline: HASTE, ..PATIENT };

impl Plan {
    pub(crate) fn built(self, build: Build) -> Self {
        Self { build, ..self }
    }

    pub(crate) fn config(self, config: RedisConfig) -> RedisConfig {
        let config = config.partitions(self.partitions).call_deadline(self.deadline);
        config.connect_deadline(self.deadline / 2).health_interval(self.deadline / 5)
    }

    /// A store on one server.
    pub(crate) async fn store(self, url: String) -> RedisStore {
        self.connect(RedisConfig::standalone(url)).await
    }

    pub(crate) async fn connect(self, config: RedisConfig) -> RedisStore {
        let builder = RedisStore::builder(self.config(config)).subscriber_buffer(self.buffer);
        builder.connect().await.unwrap_or_else(|error| panic!("{error:?}"))
    }
}

/// The result of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Step(u64),
    Absent,
    Superseded,
    Failed,
}

/// An acknowledged write, and when it was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) at: Timestamp,
    pub(crate) stamp: Stamp,
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

pub(crate) fn op() -> OpId {
    OpId::generate().unwrap()
}

/// A delta that sets the step of a session.
pub(crate) fn step(step: u64) -> Delta {
    let mut delta = Delta::new();
    delta.set(Field::new("step").unwrap(), Value::new(Format::JSON, step.to_string().as_bytes()));
    delta
}

/// The step of a session.
pub(crate) fn step_of(found: &Found) -> u64 {
    let value = found.record.state().get("step").expect("every session has a step");
    str::from_utf8(value.payload()).unwrap().parse().unwrap()
}

pub(crate) fn new_session() -> NewSession {
    NewSession { entries: step(0), ..NewSession::generate(Expiry::default()).unwrap() }
}

pub(crate) fn read(outcome: &Result<LoadOutcome, Error>) -> Seen {
    match outcome {
        Ok(LoadOutcome::Found(found)) => Seen::Step(step_of(found)),
        Ok(LoadOutcome::Absent(Absent::NotFound(_))) => Seen::Absent,
        Ok(LoadOutcome::Absent(Absent::Superseded)) => Seen::Superseded,
        Ok(other) => panic!("{other:?}"),
        Err(_) => Seen::Failed,
    }
}

impl Node {
    /// A node directly connected to a server.
    pub(crate) async fn start(server: &Server) -> Self {
        Self::of(Split::none(PATIENT.store(server.url()).await), PATIENT.build)
    }

    pub(crate) fn of(split: Split, build: Build) -> Self {
        let Cache { store, stats } = build(split);
        Self { store, stats }
    }

    /// A node whose links to the server can be cut.
    pub(crate) async fn linked(server: &Server, plan: Plan) -> (Self, Links) {
        let links =
            Links { commands: LinkCutter::to(server.addr()).await, listening: LinkCutter::to(server.addr()).await };
        let commands = plan.store(links.commands.url()).await;
        let listening = plan.store(links.listening.url()).await;
        (Self::of(Split { commands, listening }, plan.build), links)
    }

    pub(crate) fn stats(&self) -> Stats {
        (self.stats)()
    }

    pub(crate) async fn create(&self, id: &SessionId) -> Stamp {
        self.create_as(id, &new_session()).await
    }

    pub(crate) async fn create_as(&self, id: &SessionId, new: &NewSession) -> Stamp {
        match self.store.create(id, new).await.unwrap() {
            CreateOutcome::Created(applied) => applied.stamp,
            other => panic!("{other:?}"),
        }
    }

    /// Creates a session at step 0.
    pub(crate) async fn open(&self) -> SessionId {
        let id = SessionId::generate().unwrap();
        self.create(&id).await;
        id
    }

    /// Creates two sessions of one partition, whose changes arrive in order.
    pub(crate) async fn open_two(&self) -> [SessionId; 2] {
        let id = self.open().await;
        let other = id.generate_sibling().unwrap();
        self.create(&other).await;
        [id, other]
    }

    pub(crate) async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.store.load(id, options).await
    }

    /// Reads a session through the cache.
    pub(crate) async fn see(&self, id: &SessionId) -> Seen {
        read(&self.load(id, LoadOptions::default()).await)
    }

    /// Writes the step of a session.
    pub(crate) async fn write(&self, id: &SessionId, to: u64) -> Written {
        let applied = self.try_write(id, to).await.unwrap();
        Written { at: now(), stamp: applied.stamp }
    }

    pub(crate) async fn try_write(&self, id: &SessionId, to: u64) -> Result<Applied, Error> {
        match self.store.apply(id, &Update::new(op(), step(to))).await? {
            ApplyOutcome::Applied(applied) => Ok(applied),
            other => panic!("{other:?}"),
        }
    }

    /// Ends a session. Returns when that was acknowledged.
    pub(crate) async fn end(&self, id: &SessionId) -> Timestamp {
        let destroy = Destroy::new(op(), EndReason::Logout);
        let outcome = self.store.destroy(id, &destroy).await.unwrap();
        assert!(matches!(outcome, DestroyOutcome::Destroyed { .. }), "{outcome:?}");
        now()
    }

    /// Moves a session to a new id.
    pub(crate) async fn rotate(&self, id: &SessionId, kind: RotationKind) -> (SessionId, Timestamp) {
        let to = id.generate_sibling().unwrap();
        let outcome = self.store.rotate(id, &Rotation::new(op(), to, kind)).await.unwrap();
        assert!(matches!(outcome, RotateOutcome::Rotated(_)), "{outcome:?}");
        (to, now())
    }

    /// Reads until the cache answers: there is a copy, and a lease.
    pub(crate) async fn warm(&self, id: &SessionId) {
        let before = self.stats().hits;
        until("a read is answered locally", || async {
            self.see(id).await;
            (self.stats().hits > before).then_some(())
        })
        .await;
    }

    /// Reads once. The cache must answer.
    pub(crate) async fn hit(&self, id: &SessionId) -> Seen {
        let before = self.stats();
        let seen = self.see(id).await;
        let after = self.stats();
        assert_eq!((after.hits, after.misses), (before.hits + 1, before.misses), "it was not answered locally");
        seen
    }

    /// Waits until `count` changes have been applied in place.
    pub(crate) async fn wait_for_patched(&self, count: u64) {
        until("changes are applied in place", || async { (self.stats().patched >= count).then_some(()) }).await;
    }
}

/// The slot of a session's partition.
pub(crate) fn slot_of(id: &SessionId, partitions: u32) -> u16 {
    let each = 16_384 / partitions;
    let partition = u32::from(id.digest().partition()) % partitions;
    u16::try_from(partition * each + each / 2).expect("slots are fewer than that")
}

/// Waits until a change that was acknowledged then must be seen everywhere.
pub(crate) async fn bound_over(since: Timestamp) {
    while now().since(since) <= BOUND {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Reads once, after the bound is over, and not before: only the cache itself can have updated or dropped its copy.
pub(crate) async fn shown_late(node: &Node, id: &SessionId, since: Timestamp, expected: Seen) -> Verdict {
    bound_over(since).await;
    fresh(node.see(id).await, expected, now().since(since))
}

/// Reads without a pause until the bound is over. The first read that begins after it must be right.
pub(crate) async fn shown_in_time(node: &Node, id: &SessionId, since: Timestamp, expected: Seen) -> Verdict {
    loop {
        let began = now().since(since);
        let seen = node.see(id).await;
        if began > BOUND {
            return fresh(seen, expected, began);
        }
        tokio::task::yield_now().await;
    }
}

/// A failed read is not a violation.
fn fresh(seen: Seen, expected: Seen, after: Duration) -> Verdict {
    if seen == expected || seen == Seen::Failed {
        return Ok(());
    }
    Err(format!("{after:?} after the change was acknowledged: {seen:?} instead of {expected:?}"))
}
