//! A node: a store, and its requests.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use session_core::{
    Error, ErrorKind, Expiry, Floor, LoadOptions, ReadLevel, SessionId,
    model::{EndReason, Incarnation, OpId, Stamp},
    store::{
        Absent, Applied, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, Found, LoadOutcome, NewSession,
        Precondition, RotateOutcome, Rotation, RotationKind as Kind, SessionStore, TouchOptions, TouchOutcome, Update,
    },
};
use session_redis::{RedisConfig, RedisStore, Sentinel};
use session_tiered::TieredStore;

use super::{
    attempts::settle,
    mutant::Wrong,
    protocol::{NodeConfig, Request, StoreKind, TopologyKind},
    state,
};
use crate::history::{Counters, Level, Op, Outcome, RotationKind};

/// Longer than any run.
const IDLE: Duration = Duration::from_secs(24 * 3_600);

/// One node of the application.
pub(super) struct Node {
    store: Arc<dyn SessionStore>,
    counters: Box<dyn Fn() -> Counters + Send + Sync>,
    /// The newest stamp that the node has seen of each session, by id: a retry says what was known before.
    known: Mutex<HashMap<SessionId, Stamp>>,
}

impl Node {
    pub(super) async fn connect(config: &NodeConfig) -> Result<Self, Error> {
        let redis = match &config.topology {
            TopologyKind::Single => RedisConfig::default().urls(&config.urls),
            TopologyKind::Sentinel(master) => RedisConfig::sentinel(&config.urls, Sentinel::new(master)),
            TopologyKind::Cluster => RedisConfig::cluster(&config.urls),
        };
        let redis = redis.call_deadline(Duration::from_millis(config.call_deadline_ms));
        let redis = RedisStore::builder(redis).connect().await?;
        let (store, counters): (Arc<dyn SessionStore>, Box<dyn Fn() -> Counters + Send + Sync>) = match config.store {
            StoreKind::Redis => (Arc::new(redis.clone()), Box::new(move || count(&redis, None))),
            StoreKind::Tiered => {
                let bound = Duration::from_millis(config.max_staleness_ms);
                let tiered = TieredStore::builder(redis.clone()).max_staleness(bound).build();
                (Arc::new(tiered.clone()), Box::new(move || count(&redis, Some(tiered.stats()))))
            }
        };
        let store = match config.mutant {
            Some(mutant) => Arc::new(Wrong::new(store, mutant)),
            None => store,
        };
        Ok(Self { store, counters, known: Mutex::default() })
    }

    pub(super) fn counters(&self) -> Counters {
        (self.counters)()
    }

    pub(super) async fn is_reachable(&self) -> bool {
        self.store.check().await.is_ok()
    }

    /// Carries out a request. A failure before anything was sent is a refusal.
    pub(super) async fn perform(&self, op: Op, request: &Request) -> Outcome {
        self.try_to(op, request).await.unwrap_or_else(|error| Outcome::Refused { kind: format!("{:?}", error.kind()) })
    }

    async fn try_to(&self, op: Op, request: &Request) -> Result<Outcome, Error> {
        let id: SessionId = request.id.parse()?;
        match op {
            Op::Create => self.create(&id, request.attempts).await,
            Op::Load { level, floor, .. } => {
                let floor =
                    floor.map(|it| Floor { incarnation: Incarnation::from(it.incarnation), version: it.version });
                let level = if level == Level::Store { ReadLevel::Store } else { ReadLevel::Local };
                self.load(&id, LoadOptions { floor, level, ..LoadOptions::default() }).await
            }
            Op::Add { .. } | Op::Remove { .. } | Op::Set { .. } => {
                self.apply(&id, Update::new(OpId::generate()?, state::delta_of(op)?), request.attempts).await
            }
            Op::Increment => self.increment(&id, request.attempts).await,
            Op::Touch => self.touch(&id, request.attempts).await,
            Op::Rotate { kind, grace, .. } => {
                let to = request.to.as_deref().unwrap_or_default().parse()?;
                let kind = if kind == RotationKind::Renew { Kind::Renew } else { Kind::Privilege };
                let grace = Duration::from_micros(grace);
                let rotation = Rotation { grace, ..Rotation::new(OpId::generate()?, to, kind) };
                self.rotate(&id, &rotation, request.attempts).await
            }
            Op::Destroy => self.destroy(&id, request.attempts).await,
        }
    }

    async fn create(&self, id: &SessionId, attempts: u32) -> Result<Outcome, Error> {
        let new = &NewSession::generate(Expiry::idle(IDLE))?;
        let create = |_| async move {
            Ok(match self.store.create(id, new).await? {
                CreateOutcome::Created(applied) => self.done(id, &applied, None),
                CreateOutcome::Ended(_) => Outcome::Absent { superseded: false, ended: true },
                _ => Outcome::Conflict,
            })
        };
        Ok(settle(attempts, create).await)
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<Outcome, Error> {
        Ok(match self.store.load(id, options).await? {
            LoadOutcome::Found(found) => {
                self.note(id, found.record.stamp());
                Outcome::Found { state: state::state_of(&found.record) }
            }
            LoadOutcome::Absent(absent) => gone(absent),
            _ => return Err(Error::new(ErrorKind::Configuration, "an answer that was not asked for")),
        })
    }

    /// Sends an update. Without a stamp to say what was known before, it is sent only once.
    async fn apply(&self, id: &SessionId, update: Update, attempts: u32) -> Result<Outcome, Error> {
        let known = self.known.lock().get(id).copied();
        let attempts = if known.is_some() { attempts } else { 1 };
        self.send(id, update, known, None, attempts).await
    }

    async fn send(
        &self,
        id: &SessionId,
        update: Update,
        known: Option<Stamp>,
        value: Option<u64>,
        attempts: u32,
    ) -> Result<Outcome, Error> {
        let apply = |is_retry: bool| {
            let mut update = update.clone();
            update.retry_from = known.filter(|_| is_retry);
            async move {
                Ok(match self.store.apply(id, &update).await? {
                    ApplyOutcome::Applied(applied) => self.done(id, &applied, value),
                    ApplyOutcome::Absent(absent) => gone(absent),
                    _ => Outcome::Conflict,
                })
            }
        };
        Ok(settle(attempts, apply).await)
    }

    async fn increment(&self, id: &SessionId, attempts: u32) -> Result<Outcome, Error> {
        let options = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
        let record = match self.store.load(id, options).await? {
            LoadOutcome::Found(Found { record, .. }) => record,
            LoadOutcome::Absent(absent) => return Ok(gone(absent)),
            _ => return Err(Error::new(ErrorKind::Configuration, "an answer that was not asked for")),
        };
        let (stamp, value) = (record.stamp(), state::counter_of(&record) + 1);
        let mut update = Update::new(OpId::generate()?, state::count(value)?);
        update.preconditions.push(Precondition::Stamp(stamp));
        self.send(id, update, Some(stamp), Some(value), attempts).await
    }

    async fn touch(&self, id: &SessionId, attempts: u32) -> Result<Outcome, Error> {
        let touch = |_| async move {
            Ok(match self.store.touch(id, TouchOptions::default()).await? {
                TouchOutcome::Touched(_) => Outcome::Done { stamp: None, value: None, repeated: false },
                TouchOutcome::Absent(absent) => gone(absent),
                _ => Outcome::Conflict,
            })
        };
        Ok(settle(attempts, touch).await)
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation, attempts: u32) -> Result<Outcome, Error> {
        let rotate = |_| async move {
            Ok(match self.store.rotate(id, rotation).await? {
                RotateOutcome::Rotated(applied) => self.done(&rotation.to, &applied, None),
                RotateOutcome::Absent(absent) => gone(absent),
                _ => Outcome::Conflict,
            })
        };
        Ok(settle(attempts, rotate).await)
    }

    async fn destroy(&self, id: &SessionId, attempts: u32) -> Result<Outcome, Error> {
        let destroy = &Destroy::new(OpId::generate()?, EndReason::Logout);
        let destroy = |_| async move {
            Ok(match self.store.destroy(id, destroy).await? {
                DestroyOutcome::Destroyed { .. } => Outcome::Done { stamp: None, value: None, repeated: false },
                DestroyOutcome::Absent(absent) => gone(absent),
                _ => Outcome::Conflict,
            })
        };
        Ok(settle(attempts, destroy).await)
    }

    fn done(&self, id: &SessionId, applied: &Applied, value: Option<u64>) -> Outcome {
        self.note(id, applied.stamp);
        Outcome::Done { stamp: Some(state::seen(applied.stamp)), value, repeated: applied.repeated }
    }

    fn note(&self, id: &SessionId, stamp: Stamp) {
        self.known.lock().insert(*id, stamp);
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("store", &self.store).finish_non_exhaustive()
    }
}

fn gone(absent: Absent) -> Outcome {
    match absent {
        Absent::NotFound(ended) => Outcome::Absent { superseded: false, ended: ended.is_some() },
        Absent::Superseded => Outcome::Absent { superseded: true, ended: false },
    }
}

fn count(redis: &RedisStore, tiered: Option<session_tiered::Stats>) -> Counters {
    let tiered = tiered.unwrap_or_default();
    // The floors of this harness are never forged, so one that the store does not reach is a loss.
    let history_lost = tiered.history_lost + tiered.floors_unmet;
    Counters { history_lost, destroys_undone: redis.stats().destroys_undone, hits: tiered.hits }
}
