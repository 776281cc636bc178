//! Scalars: one value a field.

use serde::{Serialize, de::DeserializeOwned};

use super::{Session, sent::EntryName};
use crate::{
    Error,
    model::{Entry, Field},
};

impl Session {
    /// The value of a scalar.
    ///
    /// # Errors
    /// [`UnreadableField`](crate::ErrorKind::UnreadableField) when the stored value does not read as a `T`.
    pub fn get<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>, Error> {
        // No entry has a name that cannot be a field's.
        let Ok(field) = Field::new(field) else { return Ok(None) };
        let entry = Entry::Scalar(&field);
        let value = self.overlay().get(entry);
        value.map(|value| self.sessions.codecs().decode(value, &self.at(entry))).transpose()
    }

    /// Whether the session has a scalar.
    pub fn contains(&self, field: &str) -> bool {
        Field::new(field).is_ok_and(|field| self.overlay().get(Entry::Scalar(&field)).is_some())
    }

    /// Sets a scalar: `session.set("theme", "dark")?`.
    ///
    /// Scalars are values without an `Option`: an absent scalar is `None`. The `Option<T>` of a [view](Self::view) reads
    /// the scalar `T`, and its `None` is [`remove`](Self::remove). `serde_json::Value` and other types that ask the
    /// format what the value is need the JSON codec. A `HashMap` within one scalar is written in random order, so
    /// [`save`](Self::save) may take it for changed: use a `BTreeMap` there. For a set of members see
    /// [`members_mut`](Self::members_mut).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) and [`LimitExceeded`](crate::ErrorKind::LimitExceeded); then
    /// nothing is recorded.
    #[doc(alias = "insert")]
    pub fn set<T: Serialize>(&mut self, field: &str, value: T) -> Result<(), Error> {
        let field = Field::new(field)?;
        let entry = Entry::Scalar(&field);
        let value = self.encode(entry, &value)?;
        self.record(entry, value);
        Ok(())
    }

    /// Removes a scalar.
    pub fn remove(&mut self, field: &str) {
        // No entry has a name that cannot be a field's, so there would be nothing to remove.
        if let Ok(field) = Field::new(field) {
            self.erase(Entry::Scalar(&field));
        }
    }

    /// Removes a scalar at once and returns its value. Of all requests that take it in parallel, exactly one gets it: for
    /// flash messages and one-time tokens. After an unknown outcome call it again: that settles the outcome and returns
    /// the value, whatever was called in between.
    ///
    /// If this handle has recorded a value for the field and not committed it, nothing is sent: the removal is recorded.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit), and [`UnreadableField`](crate::ErrorKind::UnreadableField), after which
    /// the scalar is still there.
    ///
    /// # Cancel safety
    /// If the future is dropped, the scalar is taken or still there; calling `take` again settles it.
    pub async fn take<T: DeserializeOwned>(&mut self, field: &str) -> Result<Option<T>, Error> {
        let Ok(field) = Field::new(field) else { return Ok(None) };
        self.take_entry(EntryName { field, key: None }).await
    }

    /// Sets a scalar to a function of its value, at once and atomically: for counters. `f` gets the default when the
    /// scalar is absent, and runs again when another request was faster. Returns the new value.
    ///
    /// If this handle has recorded a value for the field and not committed it, nothing is sent: the new value is
    /// recorded. After an unknown outcome call it again: that settles the first call and runs `f` only if the first call
    /// did not happen. Once another call has settled it, a further `update` is a new one.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit); [`Conflict`](crate::ErrorKind::Conflict) when other requests were faster too
    /// often; [`UnreadableField`](crate::ErrorKind::UnreadableField) when the stored value does not read as a `T`, and
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a name that cannot be a field's and a new value that cannot be
    /// encoded: then nothing is changed.
    ///
    /// # Cancel safety
    /// If the future is dropped, the scalar is set or as before; calling `update` again settles it.
    pub async fn update<T, F>(&mut self, field: &str, f: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Default,
        F: FnMut(T) -> T,
    {
        let field = Field::new(field)?;
        self.update_entry(EntryName { field, key: None }, f).await
    }
}
