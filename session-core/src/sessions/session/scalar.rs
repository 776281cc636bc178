//! Scalars: one value per field.

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
    /// [`UnreadableField`](crate::ErrorKind::UnreadableField) if the stored value cannot be decoded as a `T`.
    pub fn get<T: DeserializeOwned>(&self, field: &str) -> Result<Option<T>, Error> {
        // The name cannot be that of a field, so there is no entry with it.
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
    /// [`get`](Self::get) returns `None` for an absent scalar, so set a `T` rather than an `Option<T>`, and make the
    /// scalar absent with [`remove`](Self::remove). A scalar that was set to an `Option<T>` must be read as one: a
    /// stored `None` is not a `T`. A field `Option<T>` of a [view](Self::view) reads and writes the scalar as a `T`, and
    /// its `None` removes it.
    ///
    /// `serde_json::Value`, and other types that need a self-describing format, need the JSON codec. A `HashMap` within
    /// one scalar is written in random order, so [`save`](Self::save) may take it for changed; use a `BTreeMap` there.
    /// For a set of members, see [`members_mut`](Self::members_mut).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) and [`LimitExceeded`](crate::ErrorKind::LimitExceeded). In both
    /// cases nothing is recorded.
    #[doc(alias = "insert")]
    pub fn set<T: Serialize>(&mut self, field: &str, value: T) -> Result<(), Error> {
        let field = Field::new(field)?;
        let entry = Entry::Scalar(&field);
        let value = self.encode(entry, &value)?;
        self.record(entry, value)
    }

    /// Removes a scalar. It is never refused, but counts as one of the entries that may be removed in one commit.
    pub fn remove(&mut self, field: &str) {
        // The name cannot be that of a field, so there is nothing to remove.
        if let Ok(field) = Field::new(field) {
            self.record_scalar_removal(field);
        }
    }

    /// Removes a scalar at once and returns its value. If several requests take it in parallel, exactly one gets the
    /// value, as flash messages and one-time tokens need. After an unknown outcome call it again: that settles the
    /// outcome and returns the value, regardless of calls in between.
    ///
    /// If this handle has recorded a value for the field and has not committed it, nothing is sent, and the removal is
    /// recorded.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit), and [`UnreadableField`](crate::ErrorKind::UnreadableField), in which case the
    /// scalar is not removed.
    ///
    /// # Cancel safety
    /// If the future is dropped, the scalar is either taken or still there. Another `take` settles it.
    pub async fn take<T: DeserializeOwned>(&mut self, field: &str) -> Result<Option<T>, Error> {
        let Ok(field) = Field::new(field) else { return Ok(None) };
        self.take_entry(EntryName { field, key: None }).await
    }

    /// Sets a scalar to a function of its old value, at once and atomically, for example for counters. `f` gets the
    /// default if the scalar is absent, and runs again if another request changed the scalar first. Returns the new
    /// value.
    ///
    /// If this handle has recorded a value for the field and has not committed it, nothing is sent, and the new value
    /// is recorded. After an unknown outcome call it again: that settles the first call and runs `f` only if the first
    /// call did not happen. If another call has settled it, a further `update` is a new update.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit); [`Conflict`](crate::ErrorKind::Conflict) if other requests changed the scalar
    /// first too often; [`UnreadableField`](crate::ErrorKind::UnreadableField) if the stored value cannot be decoded as
    /// a `T`; and [`InvalidInput`](crate::ErrorKind::InvalidInput) if the name cannot be that of a field or the new
    /// value cannot be encoded. In the last two cases nothing is changed.
    ///
    /// # Cancel safety
    /// If the future is dropped, the scalar is either set or as before. Another `update` settles it.
    pub async fn update<T, F>(&mut self, field: &str, f: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Default,
        F: FnMut(T) -> T,
    {
        let field = Field::new(field)?;
        self.update_entry(EntryName { field, key: None }, f).await
    }
}
