//! Compare-and-set: changes of one entry that depend on its value and are sent at once.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Session,
    sent::{CasKind, EntryCas, EntryName},
    settle::Settled,
};
use crate::{
    Error, ErrorKind,
    model::{Delta, Value},
    store::Precondition,
};

impl Session {
    pub(super) async fn take_entry<T: DeserializeOwned>(&mut self, name: EntryName) -> Result<Option<T>, Error> {
        if let Settled::CasLost(_) = self.settle_first().await? {
            self.refresh().await?;
        }
        // An earlier call took the value, but could not return it.
        if let Some(at) = self.recovered_takes.iter().position(|cas| cas.name == name) {
            let taken = self.decode(&name, &self.recovered_takes[at].value)?;
            self.recovered_takes.remove(at);
            return Ok(Some(taken));
        }
        let mut attempt = 0;
        loop {
            let Some(value) = self.overlay().get(name.entry()).cloned() else { return Ok(None) };
            let taken = self.decode(&name, &value)?;
            if self.has_uncommitted(&name) {
                self.record_removal(name.entry())?;
                return Ok(Some(taken));
            }
            let mut delta = Delta::new();
            delta.remove_entry(name.entry());
            let expected = Precondition::entry(name.entry(), Some(value.clone()));
            let cas = EntryCas { kind: CasKind::Take, name: name.clone(), value };
            match self.send_cas(cas, delta, expected).await? {
                Settled::CasLost(conflict) => self.after_conflict(self.cas_conflict(conflict), attempt).await?,
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
            Settled::CasDone(cas) if cas.kind == CasKind::Update && cas.name == name => {
                return self.decode(&name, &cas.value);
            }
            Settled::CasLost(_) => self.refresh().await?,
            _ => {}
        }
        let mut attempt = 0;
        loop {
            let before = self.overlay().get(name.entry()).cloned();
            let old = before.as_ref().map(|value| self.decode(&name, value)).transpose()?;
            let new = f(old.unwrap_or_default());
            let value = self.encode(name.entry(), &new)?;
            if self.has_uncommitted(&name) {
                self.record(name.entry(), value)?;
                return Ok(new);
            }
            let mut delta = Delta::new();
            delta.set_entry(name.entry(), value.clone());
            let expected = Precondition::entry(name.entry(), before);
            let cas = EntryCas { kind: CasKind::Update, name: name.clone(), value };
            match self.send_cas(cas, delta, expected).await? {
                Settled::CasLost(conflict) => self.after_conflict(self.cas_conflict(conflict), attempt).await?,
                _ => return Ok(new),
            }
            attempt += 1;
        }
    }

    /// Whether this handle sees its own value of the entry, which is not stored yet.
    fn has_uncommitted(&self, name: &EntryName) -> bool {
        self.is_new() || self.overlay().uncommitted(name.entry()).is_some()
    }

    fn decode<T: DeserializeOwned>(&self, name: &EntryName, value: &Value) -> Result<T, Error> {
        self.sessions.codecs().decode(value, &self.at(name.entry()))
    }

    fn cas_conflict(&self, conflict: crate::store::Conflict) -> Error {
        let error = Error::new(ErrorKind::Conflict, "other requests changed the entry first").with_conflict(conflict);
        self.sessions.with_context(error, "commit")
    }

    /// Prepares for another attempt: pauses and loads the session again. Returns the error if it is no conflict that a
    /// new load can overcome, or after too many attempts.
    pub(super) async fn after_conflict(&mut self, error: Error, attempt: u32) -> Result<(), Error> {
        // A new load cannot overcome a lost lock.
        let lock_lost = error.conflict().is_none_or(|conflict| conflict.cause == crate::store::ConflictCause::Lock);
        if error.kind() != ErrorKind::Conflict || lock_lost || attempt + 1 >= self.sessions.policy().conflict_attempts {
            return Err(error);
        }
        self.sessions.back_off(attempt).await?;
        self.refresh().await
    }
}
