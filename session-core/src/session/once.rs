//! Changes of one entry that depend on its value and are sent at once.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Session,
    commit::Settled,
    sent::{EntryName, Once},
};
use crate::{ConflictCause, Delta, Error, ErrorKind, Precondition, Value};

impl Session {
    pub(super) async fn take_entry<T: DeserializeOwned>(&mut self, name: EntryName) -> Result<Option<T>, Error> {
        if let Some(value) = self.settle_once(&name).await? {
            return self.decode(&name, &value).map(Some);
        }
        for attempt in 0.. {
            let Some(value) = self.overlay().get(name.entry()).cloned() else { return Ok(None) };
            let taken = self.decode(&name, &value)?;
            if self.is_own(&name) {
                self.erase(name.entry());
                return Ok(Some(taken));
            }
            let mut delta = Delta::new();
            delta.take_away(name.entry());
            let expected = Precondition::entry(name.entry(), Some(value.clone()));
            match self.send_once(Once { name: name.clone(), value }, delta, expected).await {
                Ok(()) => return Ok(Some(taken)),
                Err(error) => self.after_conflict(error, attempt).await?,
            }
        }
        Ok(None)
    }

    pub(super) async fn update_entry<T, F>(&mut self, name: EntryName, mut f: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Default,
        F: FnMut(T) -> T,
    {
        if let Some(value) = self.settle_once(&name).await? {
            return self.decode(&name, &value);
        }
        let mut attempt = 0;
        loop {
            let before = self.overlay().get(name.entry()).cloned();
            let old = before.as_ref().map(|value| self.decode(&name, value)).transpose()?;
            let new = f(old.unwrap_or_default());
            let value = self.encode(name.entry(), &new)?;
            if self.is_own(&name) {
                self.record(name.entry(), value);
                return Ok(new);
            }
            let mut delta = Delta::new();
            delta.put(name.entry(), value.clone());
            let expected = Precondition::entry(name.entry(), before);
            match self.send_once(Once { name: name.clone(), value }, delta, expected).await {
                Ok(()) => return Ok(new),
                Err(error) => self.after_conflict(error, attempt).await?,
            }
            attempt += 1;
        }
    }

    /// Settles what was sent before; the value if that was the same take or update.
    async fn settle_once(&mut self, name: &EntryName) -> Result<Option<Value>, Error> {
        match self.settle().await {
            Ok(Settled::Done(Some(once))) if once.name == *name => Ok(Some(once.value)),
            // It was a take or update that another request has beaten, so it did not happen.
            Err(error) if lost_race(&error) && !self.has_unsettled() => self.refresh().await.map(|()| None),
            settled => settled.map(|_| None),
        }
    }

    /// Whether what this handle sees of the entry is its own, not stored yet.
    fn is_own(&self, name: &EntryName) -> bool {
        self.is_new() || self.overlay().own(name.entry()).is_some()
    }

    fn decode<T: DeserializeOwned>(&self, name: &EntryName, value: &Value) -> Result<T, Error> {
        self.sessions.codecs().decode(value, &self.at(name.entry()))
    }

    /// Loads what another request was faster with; gives up on other errors and after too many attempts.
    pub(super) async fn after_conflict(&mut self, error: Error, attempt: u32) -> Result<(), Error> {
        let attempts = self.sessions.policy().conflict_attempts;
        if !lost_race(&error) || attempt + 1 >= attempts {
            return Err(error);
        }
        self.sessions.back_off(attempt).await?;
        self.refresh().await
    }
}

/// A conflict that a new load can overcome; a lost lock is not.
fn lost_race(error: &Error) -> bool {
    error.kind() == ErrorKind::Conflict && error.conflict().is_some_and(|it| it.cause != ConflictCause::Lock)
}
