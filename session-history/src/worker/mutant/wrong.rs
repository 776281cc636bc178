//! A wrapper of a store that is wrong in one way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use session_core::{
    Error, ErrorKind, LoadOptions, ReadLevel, SessionId,
    model::{OpId, Record, State},
    store::{
        self, Applied, ApplyOutcome, Destroy, DestroyOutcome, Found, LoadOutcome, RotateOutcome, Rotation,
        RotationKind, SessionStore, Update,
    },
};

use super::{Mutant, memory::Memory};

/// The age of the copies of a mutant that keeps within the staleness bound.
const MOMENT: Duration = Duration::from_millis(300);
/// The age of the copies of a mutant that does not.
const AGES: Duration = Duration::from_secs(4);

/// How late a mutant sends an update.
const LATE: Duration = Duration::from_secs(4);
/// How long a mutant that ignores preconditions waits before an update that has some.
const DWELL: Duration = Duration::from_millis(30);

/// A store that is wrong in one way.
#[derive(Debug)]
pub(in crate::worker) struct Wrong {
    inner: Arc<dyn SessionStore>,
    mutant: Mutant,
    memory: Memory,
    calls: AtomicU64,
}

impl Wrong {
    pub(in crate::worker) fn new(inner: Arc<dyn SessionStore>, mutant: Mutant) -> Self {
        Self { inner, mutant, memory: Memory::default(), calls: AtomicU64::new(0) }
    }

    /// Whether this is a call in turn: every `count`th is.
    fn is_turn(&self, count: u64) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) % count == count - 1
    }

    /// A copy that the mutant answers from.
    fn copy(&self, id: &SessionId, options: &LoadOptions) -> Option<Found> {
        let is_local = options.level == ReadLevel::Local;
        match self.mutant {
            Mutant::StaleCopies if is_local && options.floor.is_none() => self.memory.oldest(id, AGES),
            Mutant::StaleStoreReads if !is_local => self.memory.oldest(id, MOMENT),
            Mutant::ForgetsOwnWrites if is_local && options.floor.is_none() => self.memory.oldest(id, MOMENT),
            Mutant::Reorders if is_local && options.floor.is_none() && self.is_turn(3) => {
                self.memory.oldest(id, MOMENT)
            }
            Mutant::IgnoresFloors if options.floor.is_some() => self.memory.oldest(id, MOMENT),
            _ => None,
        }
    }

    /// The session that the mutant shows instead of none.
    fn instead_of_absent(&self, id: &SessionId) -> Option<Found> {
        let last = self.memory.last(id)?;
        match self.mutant {
            Mutant::Resurrects => Some(last),
            Mutant::AbsentIsEmpty => {
                let Found { record, now, .. } = last;
                let empty = Record::new(record.stamp(), record.created_at(), record.deadlines(), State::default());
                Some(Found { record: Arc::new(empty), now, forwarded: None, staleness: None })
            }
            _ => None,
        }
    }

    fn wrote(&self, id: &SessionId) {
        if self.mutant != Mutant::ForgetsOwnWrites {
            self.memory.forget_unless_needed(id, self.mutant);
        }
    }

    /// An acknowledgement of an update that was not sent.
    fn acknowledged(&self, id: &SessionId, op: OpId) -> Option<ApplyOutcome> {
        let Found { record, now, .. } = self.memory.last(id)?;
        Some(ApplyOutcome::Applied(Applied::new(record.stamp().next(op), record.deadlines(), now)))
    }
}

impl Memory {
    /// A mutant that shows ended sessions needs what it has seen of them.
    fn forget_unless_needed(&self, id: &SessionId, mutant: Mutant) {
        if !matches!(mutant, Mutant::Resurrects | Mutant::AbsentIsEmpty | Mutant::DropsWrites) {
            self.forget(id);
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[store::async_trait]
impl SessionStore for Wrong {
    store::forward!(self => self.inner; backend, limits, create, touch, check, close, clock, index, lock, feed);

    async fn load(&self, id: &SessionId, mut options: LoadOptions) -> Result<LoadOutcome, Error> {
        if let Some(found) = self.copy(id, &options) {
            return Ok(LoadOutcome::Found(found));
        }
        if self.mutant == Mutant::IgnoresFloors {
            options.floor = None;
        }
        match self.inner.load(id, options).await {
            Ok(LoadOutcome::Found(found)) => {
                self.memory.keep(id, &found);
                Ok(LoadOutcome::Found(found))
            }
            Ok(LoadOutcome::Absent(absent)) => {
                Ok(self.instead_of_absent(id).map_or(LoadOutcome::Absent(absent), LoadOutcome::Found))
            }
            Err(_) if self.mutant == Mutant::FailedIsAbsent => Ok(LoadOutcome::Absent(store::Absent::NotFound(None))),
            other => other,
        }
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        if self.mutant == Mutant::DropsWrites
            && self.is_turn(4)
            && let Some(outcome) = self.acknowledged(id, update.write.op)
        {
            return Ok(outcome);
        }
        let mut update = update.clone();
        if self.mutant == Mutant::SendsLate && self.is_turn(4) {
            let (inner, id) = (self.inner.clone(), *id);
            tokio::spawn(async move {
                tokio::time::sleep(LATE).await;
                drop(inner.apply(&id, &update).await);
            });
            return Err(Error::new(ErrorKind::OutcomeUnknown, "on its way"));
        }
        if self.mutant == Mutant::IgnoresPreconditions && !update.preconditions.is_empty() {
            update.preconditions.clear();
            // Time for another update between the load and this one.
            tokio::time::sleep(DWELL).await;
        }
        if self.mutant == Mutant::FreshOpIds {
            self.inner.apply(id, &Update { write: OpId::generate()?.into(), ..update.clone() }).await?;
        }
        let outcome = self.inner.apply(id, &update).await;
        self.wrote(id);
        match outcome {
            Err(error) if self.mutant == Mutant::UnknownIsRefused && error.kind() == ErrorKind::OutcomeUnknown => {
                Err(Error::new(ErrorKind::Configuration, "nothing was changed"))
            }
            other => other,
        }
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let mut rotation = rotation.clone();
        if self.mutant == Mutant::RenewsForPrivilege {
            rotation.kind = RotationKind::Renew;
        }
        let outcome = self.inner.rotate(id, &rotation).await;
        self.wrote(id);
        outcome
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        if self.mutant == Mutant::DropsDestroys {
            return Ok(DestroyOutcome::Destroyed { replicas: None, forwarded: None });
        }
        let outcome = self.inner.destroy(id, destroy).await;
        self.wrote(id);
        outcome
    }
}
