//! Changes of one entry that depend on its value and are sent at once.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Session,
    sent::{EntryName, Once, What},
    settle::Settled,
};
use crate::{
    Error, ErrorKind,
    model::{Delta, Value},
    store::Precondition,
};

impl Session {
    pub(super) async fn take_entry<T: DeserializeOwned>(&mut self, name: EntryName) -> Result<Option<T>, Error> {
        if let Settled::OnceLost(_) = self.settle_first().await? {
            self.refresh().await?;
        }
        // Taken by an earlier call that could not say so.
        if let Some(at) = self.taken.iter().position(|once| once.name == name) {
            let taken = self.decode(&name, &self.taken[at].value)?;
            self.taken.remove(at);
            return Ok(Some(taken));
        }
        let mut attempt = 0;
        loop {
            let Some(value) = self.overlay().get(name.entry()).cloned() else { return Ok(None) };
            let taken = self.decode(&name, &value)?;
            if self.is_own(&name) {
                self.erase(name.entry());
                return Ok(Some(taken));
            }
            let mut delta = Delta::new();
            delta.remove_entry(name.entry());
            let expected = Precondition::entry(name.entry(), Some(value.clone()));
            let once = Once { what: What::Take, name: name.clone(), value };
            match self.send_once(once, delta, expected).await? {
                Settled::OnceLost(conflict) => self.after_conflict(self.beaten(conflict), attempt).await?,
                _ => return Ok(Some(taken)),
            }
            attempt += 1;
        }
    }

    pub(super) async fn update_entry<T, F>(&mut self, name: EntryName, mut f: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Default,
        F: FnMut(T) -> T,
    {
        match self.settle_first().await? {
            Settled::Once(once) if once.what == What::Update && once.name == name => {
                return self.decode(&name, &once.value);
            }
            Settled::OnceLost(_) => self.refresh().await?,
            _ => {}
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
            delta.set_entry(name.entry(), value.clone());
            let expected = Precondition::entry(name.entry(), before);
            let once = Once { what: What::Update, name: name.clone(), value };
            match self.send_once(once, delta, expected).await? {
                Settled::OnceLost(conflict) => self.after_conflict(self.beaten(conflict), attempt).await?,
                _ => return Ok(new),
            }
            attempt += 1;
        }
    }

    /// Whether what this handle sees of the entry is its own, not stored yet.
    fn is_own(&self, name: &EntryName) -> bool {
        self.is_new() || self.overlay().own(name.entry()).is_some()
    }

    fn decode<T: DeserializeOwned>(&self, name: &EntryName, value: &Value) -> Result<T, Error> {
        self.sessions.codecs().decode(value, &self.at(name.entry()))
    }

    fn beaten(&self, conflict: crate::store::Conflict) -> Error {
        let error = Error::new(ErrorKind::Conflict, "other requests were faster each time").with_conflict(conflict);
        self.sessions.with_context(error, "commit")
    }

    /// Loads what another request was faster with; gives up on other errors and after too many attempts.
    pub(super) async fn after_conflict(&mut self, error: Error, attempt: u32) -> Result<(), Error> {
        // A conflict that a new load can overcome; a lost lock is not.
        let lock_lost = error.conflict().is_none_or(|conflict| conflict.cause == crate::store::ConflictCause::Lock);
        if error.kind() != ErrorKind::Conflict || lock_lost || attempt + 1 >= self.sessions.policy().conflict_attempts {
            return Err(error);
        }
        self.sessions.back_off(attempt).await?;
        self.refresh().await
    }
}
