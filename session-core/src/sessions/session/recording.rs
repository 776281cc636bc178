//! Recording changes. No other code adds to the recorded delta.

use super::Session;
use crate::{
    Error,
    model::{Delta, Edit, Entry, Field, Value},
};

impl Session {
    /// Encodes a value for an entry. Refuses a value that the store would refuse.
    pub(super) fn encode<T: serde::Serialize + ?Sized>(&self, entry: Entry<'_>, value: &T) -> Result<Value, Error> {
        let value = self.sessions.codecs().encode(value, &self.at(entry))?;
        self.sessions.limits().admit_value(entry.field(), &value)?;
        Ok(value)
    }

    /// The only path by which a value is added to the delta.
    pub(super) fn record(&mut self, entry: Entry<'_>, value: Value) -> Result<(), Error> {
        if self.pending.count().set >= self.sessions.limits().max_entries {
            self.admit_recorded(entry, &Edit::Set(value.clone()))?;
        }
        self.pending.set_entry(entry, value);
        Ok(())
    }

    /// The only path by which a whole difference is added to the delta.
    pub(super) fn record_delta(&mut self, delta: &Delta) -> Result<(), Error> {
        let (before, more) = (self.pending.count(), delta.count());
        let most = self.sessions.limits().max_entries;
        if before.set + more.set > most || before.removed + more.removed > most {
            let after = self.pending.clone().then(delta).count();
            self.sessions.limits().admit_recorded(before, after)?;
        }
        self.pending = std::mem::take(&mut self.pending).then(delta);
        Ok(())
    }

    /// The only path by which the removal of an entry is added to the delta, if the caller can be told that it is too large.
    pub(super) fn record_removal(&mut self, entry: Entry<'_>) -> Result<(), Error> {
        if self.pending.count().removed >= self.sessions.limits().max_entries {
            self.admit_recorded(entry, &Edit::Remove)?;
        }
        self.pending.remove_entry(entry);
        Ok(())
    }

    /// The only path by which the removal of a scalar is added to the delta, if the caller cannot be told.
    pub(super) fn record_scalar_removal(&mut self, field: Field) {
        self.pending.remove(field);
    }

    fn admit_recorded(&self, entry: Entry<'_>, edit: &Edit) -> Result<(), Error> {
        let after = self.pending.count_with(entry, edit);
        let admitted = self.sessions.limits().admit_recorded(self.pending.count(), after);
        admitted.map_err(|error| error.with_field(entry.field().clone()))
    }

    /// The only path by which the removal of a whole keyed field is added to the delta.
    pub(super) fn record_clear(&mut self, field: Field) {
        self.pending.clear(field);
    }
}
