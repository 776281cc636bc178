//! The limits on the size of a session.

use crate::{
    Error, ErrorKind, defaults,
    model::{Delta, Field, State, Value, edit::EditCount},
};

/// The limits that a store enforces in the same atomic step as the update.
///
/// An update that would leave the session over a limit is refused as a whole with
/// [`LimitExceeded`](ErrorKind::LimitExceeded). An update that shrinks a session is never refused, so a session that
/// exceeds a limit that was lowered later can be emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of entries in one session.
    pub max_entries: usize,
    /// The maximum size of one encoded value, in bytes.
    pub max_value_bytes: usize,
    /// The maximum size of one session, in bytes, as [`State::size_in_bytes`] counts them.
    pub max_session_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: defaults::MAX_ENTRIES,
            max_value_bytes: defaults::MAX_VALUE_BYTES,
            max_session_bytes: defaults::MAX_SESSION_BYTES,
        }
    }
}

impl Limits {
    /// Checks whether a store may apply this delta to this state.
    ///
    /// # Errors
    /// [`LimitExceeded`](ErrorKind::LimitExceeded), with the limit and, for a value, its field.
    pub fn admit(&self, state: &State, delta: &Delta) -> Result<(), Error> {
        self.admit_values(delta)?;
        let (before, after) = (state.size, delta.size_after(state));
        let refuse = |what: &str, after: usize, limit: usize| {
            let message = format!("the session would have {after} {what}; at most {limit} are allowed");
            Err(Error::new(ErrorKind::LimitExceeded, message))
        };
        if after.entries > self.max_entries && after.entries > before.entries {
            return refuse("entries", after.entries, self.max_entries);
        }
        if after.bytes > self.max_session_bytes && after.bytes > before.bytes {
            return refuse("bytes", after.bytes, self.max_session_bytes);
        }
        Ok(())
    }

    /// Checks whether the changes that a handle has recorded may grow to this size. A session has no more entries than
    /// the limit, so a larger union would be refused, and a larger difference would remove entries that do not exist.
    pub(crate) fn admit_recorded(&self, before: EditCount, after: EditCount) -> Result<(), Error> {
        let message = if after.set > self.max_entries && after.set > before.set {
            format!("the recorded changes would set {} entries; at most {} are allowed", after.set, self.max_entries)
        } else if after.removed > self.max_entries && after.removed > before.removed {
            let (after, most) = (after.removed, self.max_entries);
            format!("the recorded changes would remove {after} entries; at most {most} are allowed in one commit")
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::LimitExceeded, message))
    }

    /// Checks whether each value of a delta is small enough to be stored.
    pub(crate) fn admit_values(&self, delta: &Delta) -> Result<(), Error> {
        delta.insertions().try_for_each(|(entry, value)| self.admit_value(entry.field(), value))
    }

    /// Checks whether a value is small enough to be stored.
    pub(crate) fn admit_value(&self, field: &Field, value: &Value) -> Result<(), Error> {
        if value.len() <= self.max_value_bytes {
            return Ok(());
        }
        let message = format!("the value has {} bytes; at most {} are allowed", value.len(), self.max_value_bytes);
        Err(Error::new(ErrorKind::LimitExceeded, message).with_field(field.clone()))
    }
}
