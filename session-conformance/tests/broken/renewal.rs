//! Faults of renewals.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use session_core::{
    Error, LoadOptions, SessionId,
    model::{EndReason, Ended, IdDigest, OpId, Timestamp},
    store::{
        Absent, ApplyOutcome, Found, LoadOutcome, RotateOutcome, Rotation, RotationKind, SessionStore, TouchOptions,
        TouchOutcome, Update, async_trait,
    },
};

use super::Fault;
use crate::toy::Toy;

/// A forward with an expiry: the old id gives access for the grace, whether or not the client has the new one.
#[derive(Debug, Default)]
pub(crate) struct EndsWithTheGrace(Mutex<HashMap<IdDigest, Timestamp>>);

impl EndsWithTheGrace {
    fn has_ended(&self, inner: &Toy, id: &SessionId) -> bool {
        let now = inner.table().1;
        self.0.lock().unwrap().get(id.digest()).is_some_and(|until| *until <= now)
    }
}

#[async_trait]
impl Fault for EndsWithTheGrace {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let outcome = inner.rotate(id, rotation).await?;
        if let (RotateOutcome::Rotated(applied), RotationKind::Renew) = (outcome, rotation.kind) {
            self.0.lock().unwrap().insert(*id.digest(), applied.now.after(rotation.grace));
        }
        Ok(outcome)
    }

    async fn touch(&self, inner: &Toy, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        if self.has_ended(inner, id) {
            return Ok(Absent::NotFound(None).into());
        }
        inner.touch(id, options).await
    }
}

/// A forward without an expiry: a thief's copy of the old id never dies.
#[derive(Debug, Default)]
pub(crate) struct ForwardsForever;

#[async_trait]
impl Fault for ForwardsForever {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        inner.rotate(id, &Rotation { grace: Duration::MAX, ..rotation.clone() }).await
    }
}

/// Repeats a renewal that arrives again, unless the new id shows that it has already happened.
#[derive(Debug, Default)]
pub(crate) struct RenewsAgain;

#[async_trait]
impl Fault for RenewsAgain {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        match inner.rotate(id, rotation).await? {
            RotateOutcome::AlreadyRotated => {
                let write = OpId::generate()?.into();
                inner.rotate(id, &Rotation { write, ..rotation.clone() }).await
            }
            other => Ok(other),
        }
    }
}

/// Takes every load of the new id for its use: a prefetch ends the old one.
#[derive(Debug, Default)]
pub(crate) struct ConfirmsByReading;

#[async_trait]
impl Fault for ConfirmsByReading {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        let outcome = inner.load(id, options).await?;
        if let LoadOutcome::Found(Found { forwarded: None, .. }) = outcome {
            inner.touch(id, TouchOptions { idle: Some(Duration::ZERO), ..TouchOptions::default() }).await?;
        }
        Ok(outcome)
    }
}

/// Takes a use of the old id for a use of the new one.
#[derive(Debug, Default)]
pub(crate) struct ConfirmsThroughTheOldId(Mutex<HashMap<IdDigest, SessionId>>);

#[async_trait]
impl Fault for ConfirmsThroughTheOldId {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.0.lock().unwrap().insert(*id.digest(), rotation.to);
        inner.rotate(id, rotation).await
    }

    async fn touch(&self, inner: &Toy, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        let to = self.0.lock().unwrap().get(id.digest()).copied();
        inner.touch(&to.unwrap_or(*id), options).await
    }
}

/// No client learns that it should confirm.
#[derive(Debug, Default)]
pub(crate) struct NeverSaysUnconfirmed;

#[async_trait]
impl Fault for NeverSaysUnconfirmed {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        Ok(match inner.load(id, options).await? {
            LoadOutcome::Found(found) => {
                let record = found.record.as_ref().clone().with_unconfirmed(false);
                LoadOutcome::Found(Found { record: record.into(), ..found })
            }
            other => other,
        })
    }
}

/// An unconfirmed id that was drawn again still gives access: two ids live.
#[derive(Debug, Default)]
pub(crate) struct KeepsTheUnusedId(Mutex<HashMap<IdDigest, SessionId>>);

#[async_trait]
impl Fault for KeepsTheUnusedId {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let unused = match inner.load(id, LoadOptions::default()).await? {
            LoadOutcome::Found(Found { forwarded, .. }) => forwarded,
            _ => None,
        };
        let outcome = inner.rotate(id, rotation).await?;
        if let (RotateOutcome::Rotated(_), Some(unused)) = (outcome, unused) {
            self.0.lock().unwrap().insert(unused, rotation.to);
        }
        Ok(outcome)
    }

    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        let newest = self.0.lock().unwrap().get(id.digest()).copied();
        inner.load(&newest.unwrap_or(*id), options).await
    }
}

/// Ignores how long a renewal may stay unconfirmed.
#[derive(Debug, Default)]
pub(crate) struct WaitsForEver;

#[async_trait]
impl Fault for WaitsForEver {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        inner.rotate(id, &Rotation { confirm_within: None, ..rotation.clone() }).await
    }
}

/// Cannot tell an old id that comes back from one that was never issued.
#[derive(Debug, Default)]
pub(crate) struct ForgetsTheOldId;

fn forgotten(absent: Absent) -> Absent {
    match absent {
        Absent::NotFound(Some(Ended { reason: EndReason::Renewed, .. })) => Absent::NotFound(None),
        other => other,
    }
}

#[async_trait]
impl Fault for ForgetsTheOldId {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        Ok(match inner.load(id, options).await? {
            LoadOutcome::Absent(absent) => forgotten(absent).into(),
            other => other,
        })
    }

    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        Ok(match inner.apply(id, update).await? {
            ApplyOutcome::Absent(absent) => forgotten(absent).into(),
            other => other,
        })
    }
}
