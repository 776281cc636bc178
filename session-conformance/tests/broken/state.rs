//! Faults of entries, stamps and limits.

use session_core::{
    Error, ErrorKind, Expiry, Limits, LoadOptions, ManualClock, SessionId,
    model::{Delta, Entry, Field, Key, OpId, Record, Stamp, State},
    store::{
        Absent, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, Found, LoadOutcome, NewSession, RotateOutcome,
        Rotation, SessionStore, Update, async_trait,
    },
};

use super::Fault;
use crate::toy::{Toy, ToyHarness};

/// A delta that contains all entries of a state.
pub(crate) fn whole(state: &State) -> Delta {
    let mut delta = Delta::new();
    for (field, value) in state.scalars() {
        delta.set(field.clone(), value.clone());
    }
    for field in state.keyed_fields() {
        for (key, value) in state.keyed(field.as_str()) {
            delta.insert(field.clone(), key.clone(), value.clone());
        }
    }
    delta
}

fn additions(delta: &Delta) -> Delta {
    let mut added = Delta::new();
    for (entry, value) in delta.insertions() {
        match entry {
            Entry::Scalar(field) => added.set(field.clone(), value.clone()),
            Entry::Keyed(field, key) => added.insert(field.clone(), key.clone(), value.clone()),
        }
    }
    added
}

/// HSET without EXISTS: an update of an absent session creates it.
#[derive(Debug, Default)]
pub(crate) struct UpsertsOnMissing;

#[async_trait]
impl Fault for UpsertsOnMissing {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let outcome = inner.apply(id, update).await?;
        if matches!(outcome, ApplyOutcome::Absent(Absent::NotFound(_))) && update.preconditions.is_empty() {
            inner.table().0.remove(id.digest());
            let new = NewSession { entries: update.delta.clone(), ..NewSession::generate(Expiry::default())? };
            if let CreateOutcome::Created(applied) = inner.create(id, &new).await? {
                return Ok(ApplyOutcome::Applied(applied));
            }
        }
        Ok(outcome)
    }
}

/// Load, modify, write the whole record back: the last writer wins.
#[derive(Debug, Default)]
pub(crate) struct WritesTheWholeBlob;

#[async_trait]
impl Fault for WritesTheWholeBlob {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let LoadOutcome::Found(found) = inner.load(id, LoadOptions::default()).await? else {
            return inner.apply(id, update).await;
        };
        tokio::task::yield_now().await;
        let mut state = found.record.state().clone();
        update.delta.apply_to(&mut state);
        let mut blob = Delta::new();
        if let LoadOutcome::Found(now) = inner.load(id, LoadOptions::default()).await? {
            now.record.state().scalars().for_each(|(field, _)| blob.remove(field.clone()));
            now.record.state().keyed_fields().for_each(|field| blob.clear(field.clone()));
        }
        inner.apply(id, &Update { delta: blob.then(&whole(&state)), ..update.clone() }).await
    }
}

/// Writes only additions, so removed entries stay.
#[derive(Debug, Default)]
pub(crate) struct IgnoresTheDifference;

#[async_trait]
impl Fault for IgnoresTheDifference {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        inner.apply(id, &Update { delta: additions(&update.delta), ..update.clone() }).await
    }
}

/// HDEL, then HSET, each in its own round trip.
#[derive(Debug, Default)]
pub(crate) struct AppliesInTwoSteps;

#[async_trait]
impl Fault for AppliesInTwoSteps {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let mut removals = Delta::new();
        for selector in update.delta.removals() {
            match selector {
                session_core::model::Selector::Scalar(field) => removals.remove(field.clone()),
                session_core::model::Selector::Keyed(field, key) => removals.remove_key(field.clone(), key.clone()),
                session_core::model::Selector::All(field) => removals.clear(field.clone()),
            }
        }
        let op = OpId::from(u64::from(update.write.op) ^ 1);
        inner.apply(id, &Update { write: op.into(), delta: removals, ..update.clone() }).await?;
        tokio::task::yield_now().await;
        inner.apply(id, &Update { delta: additions(&update.delta), ..update.clone() }).await
    }
}

/// One HSET for each entry.
#[derive(Debug, Default)]
pub(crate) struct WritesEntryByEntry;

#[async_trait]
impl Fault for WritesEntryByEntry {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        for (entry, value) in update.delta.insertions() {
            let mut one = Delta::new();
            match entry {
                Entry::Scalar(field) => one.set(field.clone(), value.clone()),
                Entry::Keyed(field, key) => one.insert(field.clone(), key.clone(), value.clone()),
            }
            inner.apply(id, &Update::new(OpId::generate()?, one)).await?;
            tokio::task::yield_now().await;
        }
        inner.apply(id, update).await
    }
}

/// Takes every attempt for a new update.
#[derive(Debug, Default)]
pub(crate) struct IgnoresOpIds;

#[async_trait]
impl Fault for IgnoresOpIds {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        inner.apply(id, &Update { write: OpId::generate()?.into(), ..update.clone() }).await
    }
}

/// WATCH forgotten: preconditions are ignored.
#[derive(Debug, Default)]
pub(crate) struct IgnoresPreconditions;

#[async_trait]
impl Fault for IgnoresPreconditions {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        inner.apply(id, &Update { preconditions: Vec::new(), ..update.clone() }).await
    }
}

/// HINCRBY version, even if the delta is empty.
#[derive(Debug, Default)]
pub(crate) struct CountsEmptyDeltas;

#[async_trait]
impl Fault for CountsEmptyDeltas {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let mut update = update.clone();
        if update.delta.is_empty() {
            update.delta.remove(Field::new("no-such-field")?);
        }
        inner.apply(id, &update).await
    }
}

/// Stamps that count versions, and ignore the history.
#[derive(Debug, Default)]
pub(crate) struct TagsByVersion;

#[async_trait]
impl Fault for TagsByVersion {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        let LoadOutcome::Found(Found { record, now, .. }) = inner.load(id, options).await? else {
            return inner.load(id, options).await;
        };
        let stamp = Stamp::from_parts(record.stamp().incarnation(), record.stamp().version(), record.stamp().version());
        let record = Record::new(stamp, record.created_at(), record.deadlines(), record.state().clone());
        Ok(LoadOutcome::Found(Found { record: record.into(), now, forwarded: None, staleness: None }))
    }
}

/// Takes a copy of the current version for the current state.
#[derive(Debug, Default)]
pub(crate) struct ComparesVersionsOnly;

#[async_trait]
impl Fault for ComparesVersionsOnly {
    async fn load(&self, inner: &Toy, id: &SessionId, mut options: LoadOptions) -> Result<LoadOutcome, Error> {
        if let (Some(known), LoadOutcome::Found(found)) = (options.known, inner.load(id, LoadOptions::default()).await?)
        {
            options.known = (known.version() == found.record.stamp().version()).then(|| found.record.stamp());
        }
        inner.load(id, options).await
    }
}

/// Applies a retry that cannot be distinguished from a new update.
#[derive(Debug, Default)]
pub(crate) struct NeverSaysUnknown;

#[async_trait]
impl Fault for NeverSaysUnknown {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        inner.apply(id, &Update { retry_from: None, ..update.clone() }).await
    }
}

/// Applies an update whenever it arrives.
#[derive(Debug, Default)]
pub(crate) struct AppliesLateUpdates;

#[async_trait]
impl Fault for AppliesLateUpdates {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        inner.apply(id, &Update { not_after: None, ..update.clone() }).await
    }
}

/// Refuses a late update before it checks whether the update is a repeat.
#[derive(Debug, Default)]
pub(crate) struct RefusesLateRepeats;

#[async_trait]
impl Fault for RefusesLateRepeats {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        if let (Some(last), LoadOutcome::Found(Found { now, .. })) =
            (update.not_after, inner.load(id, LoadOptions::default()).await?)
            && now > last
        {
            return Err(Error::new(ErrorKind::Unavailable, "late"));
        }
        inner.apply(id, update).await
    }
}

/// Reports limits and does not enforce them.
#[derive(Debug)]
pub(crate) struct HasNoLimits(Toy);

impl Default for HasNoLimits {
    fn default() -> Self {
        let none = Limits { max_entries: usize::MAX, max_value_bytes: usize::MAX, max_session_bytes: usize::MAX };
        Self(Toy::new(ManualClock::new(), none))
    }
}

#[async_trait]
impl Fault for HasNoLimits {
    async fn create(&self, _: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.0.create(id, new).await
    }

    async fn load(&self, _: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.0.load(id, options).await
    }

    async fn apply(&self, _: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.0.apply(id, update).await
    }

    async fn rotate(&self, _: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.0.rotate(id, rotation).await
    }

    async fn destroy(&self, _: &Toy, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        self.0.destroy(id, destroy).await
    }
}

/// A script that fails after its first write.
#[derive(Debug, Default)]
pub(crate) struct AppliesPartOfARefusedUpdate;

#[async_trait]
impl Fault for AppliesPartOfARefusedUpdate {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let refused = inner.apply(id, update).await;
        if refused.is_err() {
            for (entry, value) in update.delta.insertions() {
                let mut first = Delta::new();
                first.set(entry.field().clone(), value.clone());
                if ToyHarness::limits().admit(&State::default(), &first).is_ok() {
                    inner.apply(id, &Update::new(OpId::generate()?, first)).await?;
                }
            }
        }
        refused
    }
}

/// Answers an error as if there were no session.
#[derive(Debug, Default)]
pub(crate) struct ReadsRefusalAsMissing;

#[async_trait]
impl Fault for ReadsRefusalAsMissing {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        match inner.apply(id, update).await {
            Err(error) if error.kind() == ErrorKind::LimitExceeded => Ok(ApplyOutcome::Absent(Absent::NotFound(None))),
            answer => answer,
        }
    }
}

/// `field:key` as one name, so that `("a", "b:c")` equals `("a:b", "c")`.
#[derive(Debug, Default)]
pub(crate) struct JoinsFieldAndKey;

#[async_trait]
impl Fault for JoinsFieldAndKey {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let mut delta = Delta::new();
        for (entry, value) in update.delta.insertions() {
            match entry {
                Entry::Scalar(field) => delta.set(field.clone(), value.clone()),
                Entry::Keyed(field, key) => {
                    let joined = format!("{field}:{}", key.as_str());
                    let (field, key) = joined.split_once(':').unwrap_or((&joined, ""));
                    delta.insert(Field::new(field)?, Key::new(key)?, value.clone());
                }
            }
        }
        inner.apply(id, &Update { delta, ..update.clone() }).await
    }
}
