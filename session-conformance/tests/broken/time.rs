//! Faults of deadlines, rotations and destroys.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use session_core::{
    Error, ErrorKind, Expiry, LoadOptions, ReadLevel, SessionId,
    model::{Deadlines, Delta, Ended, IdDigest, OpId, Timestamp},
    store::{
        Absent, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, Found, LoadOutcome, NewSession, RotateOutcome,
        Rotation, RotationKind, SessionStore, TouchOptions, TouchOutcome, Touched, Update, async_trait,
    },
};

use super::{Fault, state::whole};
use crate::toy::Toy;

/// HSET without PEXPIRE.
#[derive(Debug, Default)]
pub(crate) struct ForgetsTheDeadline;

#[async_trait]
impl Fault for ForgetsTheDeadline {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        inner.create(id, &NewSession { expiry: Expiry::absolute(Duration::MAX), ..new.clone() }).await
    }
}

/// Takes the bits of the region for bits of the partition.
#[derive(Debug, Default)]
pub(crate) struct ComparesRegions;

#[async_trait]
impl Fault for ComparesRegions {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let first = |id: &SessionId| id.digest().to_bytes()[0];
        if first(id) != first(&rotation.to) {
            return Err(Error::new(ErrorKind::InvalidInput, "the new id is not a sibling of the old one"));
        }
        inner.rotate(id, rotation).await
    }
}

/// idle := now + idle, even if that is earlier than the current deadline.
#[derive(Debug, Default)]
pub(crate) struct TouchShortens(Mutex<HashMap<IdDigest, Timestamp>>);

impl TouchShortens {
    fn shortened(&self, id: &SessionId, real: Deadlines) -> Deadlines {
        let touched = self.0.lock().unwrap().get(id.digest()).copied();
        let idle = real.idle().map(|(timeout, idle)| (timeout, touched.unwrap_or(idle)));
        Deadlines::from_parts(idle, real.absolute()).unwrap_or(real)
    }
}

#[async_trait]
impl Fault for TouchShortens {
    async fn touch(&self, inner: &Toy, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        let answer = inner.touch(id, options.clone()).await?;
        let TouchOutcome::Touched(touched) = answer else { return Ok(answer) };
        let Touched { deadlines, now, .. } = touched;
        let idle = options.idle.or(deadlines.idle().map(|(timeout, _)| timeout)).unwrap_or_default();
        self.0.lock().unwrap().insert(*id.digest(), now.after(idle));
        let deadlines = self.shortened(id, deadlines);
        Ok(TouchOutcome::Touched(Touched { deadlines, forwarded: None, ..touched }))
    }

    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        match inner.load(id, options).await? {
            LoadOutcome::Found(Found { record, now, .. }) => {
                let deadlines = self.shortened(id, record.deadlines());
                let record = record.as_ref().clone().with_deadlines(deadlines);
                let expired = now >= deadlines.expires_at();
                Ok(if expired {
                    LoadOutcome::Absent(Absent::NotFound(None))
                } else {
                    LoadOutcome::Found(Found { record: record.into(), now, forwarded: None, staleness: None })
                })
            }
            other => Ok(other),
        }
    }
}

/// Only the idle deadline counts.
#[derive(Debug, Default)]
pub(crate) struct TouchPassesTheAbsoluteDeadline;

#[async_trait]
impl Fault for TouchPassesTheAbsoluteDeadline {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let idle = new.expiry.start(Timestamp::default()).idle().map(|(timeout, _)| timeout);
        let expiry = idle.map_or(new.expiry, Expiry::idle);
        inner.create(id, &NewSession { expiry, ..new.clone() }).await
    }
}

/// An update never changes how long a session lives.
#[derive(Debug, Default)]
pub(crate) struct IgnoresNewDeadlines;

#[async_trait]
impl Fault for IgnoresNewDeadlines {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        inner.apply(id, &Update { expiry: None, ..update.clone() }).await
    }
}

/// EXPIRE GT: new deadlines are ignored if they are earlier.
#[derive(Debug, Default)]
pub(crate) struct NewDeadlinesOnlyExtend;

#[async_trait]
impl Fault for NewDeadlinesOnlyExtend {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let found = inner.load(id, LoadOptions::default()).await?;
        let later = |expiry: &Expiry| match &found {
            LoadOutcome::Found(found) => expiry.start(found.now).expires_at() > found.record.deadlines().expires_at(),
            _ => true,
        };
        inner.apply(id, &Update { expiry: update.expiry.filter(later), ..update.clone() }).await
    }
}

/// A touch that was put off counts as a use when it arrives.
#[derive(Debug, Default)]
pub(crate) struct TouchesCountFromNow;

#[async_trait]
impl Fault for TouchesCountFromNow {
    async fn touch(&self, inner: &Toy, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        inner.touch(id, TouchOptions { age: Duration::ZERO, ..options }).await
    }
}

/// GETEX: every read renews the deadline.
#[derive(Debug, Default)]
pub(crate) struct LoadRenews;

#[async_trait]
impl Fault for LoadRenews {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        inner.touch(id, TouchOptions::default()).await?;
        inner.load(id, options).await
    }
}

/// A cache that renews the deadline with every hit.
#[derive(Debug, Default)]
pub(crate) struct LocalReadsRenew;

#[async_trait]
impl Fault for LocalReadsRenew {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        if options.level == ReadLevel::Local {
            inner.touch(id, TouchOptions::default()).await?;
        }
        inner.load(id, options).await
    }
}

/// An update renews nothing and leaves the deadline to the next touch.
#[derive(Debug, Default)]
pub(crate) struct UpdatesDoNotRenew(Mutex<HashMap<IdDigest, Deadlines>>);

#[async_trait]
impl Fault for UpdatesDoNotRenew {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let LoadOutcome::Found(before) = inner.load(id, LoadOptions::default()).await? else {
            return inner.apply(id, update).await;
        };
        let mut outcome = inner.apply(id, update).await?;
        if let ApplyOutcome::Applied(applied) = &mut outcome {
            let mut kept = self.0.lock().unwrap();
            applied.deadlines = *kept.entry(*id.digest()).or_insert(before.record.deadlines());
        }
        Ok(outcome)
    }
}

/// Returns expired sessions until the sweeper runs.
#[derive(Debug, Default)]
pub(crate) struct ReturnsTheExpired(Mutex<HashMap<IdDigest, Found>>);

#[async_trait]
impl Fault for ReturnsTheExpired {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        let outcome = inner.load(id, options).await?;
        let mut seen = self.0.lock().unwrap();
        match &outcome {
            LoadOutcome::Found(found) => drop(seen.insert(*id.digest(), found.clone())),
            LoadOutcome::Absent(Absent::NotFound(None)) => {
                return Ok(seen.get(id.digest()).cloned().map_or(outcome, LoadOutcome::Found));
            }
            _ => {}
        }
        Ok(outcome)
    }
}

/// EXPIRE takes whole seconds.
#[derive(Debug, Default)]
pub(crate) struct CountsInSeconds;

#[async_trait]
impl Fault for CountsInSeconds {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let deadlines = new.expiry.start(Timestamp::default());
        let idle = deadlines.idle().map(|(idle, _)| Expiry::idle(Duration::from_secs(idle.as_secs().max(1))));
        inner.create(id, &NewSession { expiry: idle.unwrap_or(new.expiry), ..new.clone() }).await
    }
}

/// `cycle_id`: destroys the old session, then creates the new one.
#[derive(Debug, Default)]
pub(crate) struct RotatesInTwoSteps;

#[async_trait]
impl Fault for RotatesInTwoSteps {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let LoadOutcome::Found(found) = inner.load(id, LoadOptions::default()).await? else {
            return inner.rotate(id, rotation).await;
        };
        let mut state = found.record.state().clone();
        rotation.delta.apply_to(&mut state);
        inner.destroy(id, &Destroy::new(OpId::generate()?, session_core::model::EndReason::Logout)).await?;
        tokio::task::yield_now().await;
        let new = NewSession { entries: whole(&state), ..NewSession::generate(Expiry::default())? };
        match inner.create(&rotation.to, &new).await? {
            CreateOutcome::Created(applied) => Ok(RotateOutcome::Rotated(applied)),
            _ => Ok(RotateOutcome::AlreadyRotated),
        }
    }
}

/// A sign-in keeps the old id alive for requests in flight: session fixation.
#[derive(Debug, Default)]
pub(crate) struct ForwardsAfterSignIn;

#[async_trait]
impl Fault for ForwardsAfterSignIn {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        inner.rotate(id, &Rotation { kind: RotationKind::Renew, ..rotation.clone() }).await
    }
}

/// The loser of a race is answered that it won, and sets its cookie.
#[derive(Debug, Default)]
pub(crate) struct BothRotationsWin;

#[async_trait]
impl Fault for BothRotationsWin {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let outcome = inner.rotate(id, rotation).await?;
        if outcome == RotateOutcome::AlreadyRotated {
            let new = NewSession::generate(Expiry::default())?;
            if let CreateOutcome::Created(applied) = inner.create(&rotation.to, &new).await? {
                return Ok(RotateOutcome::Rotated(applied));
            }
        }
        Ok(outcome)
    }
}

/// Only the forward remembers a rotation.
#[derive(Debug, Default)]
pub(crate) struct ForgetsRotationsWithTheGrace;

#[async_trait]
impl Fault for ForgetsRotationsWithTheGrace {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        match inner.load(id, LoadOptions::default()).await? {
            LoadOutcome::Absent(Absent::NotFound(None)) => Ok(RotateOutcome::Absent(Absent::NotFound(None))),
            _ => inner.rotate(id, rotation).await,
        }
    }
}

/// RENAME that loses the delta.
#[derive(Debug, Default)]
pub(crate) struct RotatesWithoutTheDelta;

#[async_trait]
impl Fault for RotatesWithoutTheDelta {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        inner.rotate(id, &Rotation { delta: Delta::new(), ..rotation.clone() }).await
    }
}

/// DEL without a tombstone.
#[derive(Debug, Default)]
pub(crate) struct LeavesNoTombstone;

#[async_trait]
impl Fault for LeavesNoTombstone {
    async fn destroy(&self, inner: &Toy, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        let outcome = inner.destroy(id, destroy).await?;
        if matches!(outcome, DestroyOutcome::Destroyed { .. }) {
            inner.table().0.remove(id.digest());
        }
        Ok(outcome)
    }
}

/// A tombstone without PEXPIRE.
#[derive(Debug, Default)]
pub(crate) struct KeepsTombstonesForever(Mutex<HashMap<IdDigest, Ended>>);

impl KeepsTombstonesForever {
    fn ended(&self, id: &SessionId) -> Option<Ended> {
        self.0.lock().unwrap().get(id.digest()).copied()
    }
}

#[async_trait]
impl Fault for KeepsTombstonesForever {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        match self.ended(id) {
            Some(ended) => Ok(CreateOutcome::Ended(ended)),
            None => inner.create(id, new).await,
        }
    }

    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        match inner.load(id, options).await? {
            LoadOutcome::Absent(Absent::NotFound(None)) => Ok(LoadOutcome::Absent(Absent::NotFound(self.ended(id)))),
            other => Ok(other),
        }
    }

    async fn destroy(&self, inner: &Toy, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        let outcome = inner.destroy(id, destroy).await?;
        if matches!(outcome, DestroyOutcome::Destroyed { .. }) {
            self.0.lock().unwrap().insert(*id.digest(), Ended { reason: destroy.reason, age: Duration::ZERO });
        }
        Ok(outcome)
    }
}

/// A tombstone without a reason.
#[derive(Debug, Default)]
pub(crate) struct ForgetsTheReason;

#[async_trait]
impl Fault for ForgetsTheReason {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        match inner.load(id, options).await? {
            LoadOutcome::Absent(Absent::NotFound(_)) => Ok(LoadOutcome::Absent(Absent::NotFound(None))),
            other => Ok(other),
        }
    }
}
