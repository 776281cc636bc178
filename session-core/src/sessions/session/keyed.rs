//! Keyed fields: maps and sets.

use std::{fmt, ops::Deref};

use serde::{Serialize, de::DeserializeOwned};

use super::{Session, sent::EntryName};
use crate::{
    Error, ErrorKind,
    model::{Entry, Field, Key, Value},
};

/// A keyed field of a session as a map. [`Session::map`] returns a `Map<&Session>`, which reads. [`Session::map_mut`]
/// returns a `Map<&mut Session>`, which also writes.
///
/// Each method accepts keys of any type that [can be a key](Key).
pub struct Map<S>(Keyed<S>);

/// A keyed field of a session as a set: a map whose values are empty. [`Session::members`] returns a `Set<&Session>`,
/// which reads. [`Session::members_mut`] returns a `Set<&mut Session>`, which also writes.
pub struct Set<S>(Keyed<S>);

struct Keyed<S> {
    session: S,
    /// `None` for a name that no field can have. Then the field is empty, and inserting into it fails.
    field: Option<Field>,
}

impl Session {
    /// Reads a keyed field as a map: `session.map("cart").get::<u32>("sku-1")?`.
    pub fn map(&self, field: &str) -> Map<&Self> {
        Map(Keyed { field: Field::new(field).ok(), session: self })
    }

    /// Reads and writes a keyed field as a map: `session.map_mut("cart").insert("sku-1", 2)?`.
    pub fn map_mut(&mut self, field: &str) -> Map<&mut Self> {
        Map(Keyed { field: Field::new(field).ok(), session: self })
    }

    /// Reads a keyed field as a set: `session.members("roles").contains("admin")?`.
    pub fn members(&self, field: &str) -> Set<&Self> {
        Set(Keyed { field: Field::new(field).ok(), session: self })
    }

    /// Reads and writes a keyed field as a set: `session.members_mut("roles").insert("admin")?`.
    ///
    /// Members have no value, so a [`Sealed`](crate::codec) codec does not protect them: everyone who can write to the
    /// store can add and remove them. Keep important roles as values, in a map.
    pub fn members_mut(&mut self, field: &str) -> Set<&mut Self> {
        Set(Keyed { field: Field::new(field).ok(), session: self })
    }
}

impl<S: Deref<Target = Session>> Map<S> {
    /// The value of a key.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the key's type cannot be a key;
    /// [`UnreadableField`](ErrorKind::UnreadableField) if the stored value cannot be decoded as a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: impl Serialize) -> Result<Option<T>, Error> {
        let key = Key::encode(&key)?;
        let Some(field) = &self.0.field else { return Ok(None) };
        let entry = Entry::Keyed(field, &key);
        let session = &*self.0.session;
        let value = session.overlay().get(entry);
        value.map(|value| session.sessions.codecs().decode(value, &session.at(entry))).transpose()
    }

    /// Whether the map has a key.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the key's type cannot be a key.
    pub fn contains(&self, key: impl Serialize) -> Result<bool, Error> {
        self.0.contains(&Key::encode(&key)?)
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the map has no keys.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Returns all keys with their values, in the order of the keys' text. An unreadable entry is an error at its
    /// position.
    pub fn iter<K: DeserializeOwned, T: DeserializeOwned>(
        &self,
    ) -> impl Iterator<Item = Result<(K, T), Error>> + use<K, T, S> {
        let codecs = self.0.session.sessions.codecs().clone();
        let incarnation = self.0.session.bound_to();
        let field = self.0.field.clone();
        self.0.entries().into_iter().filter_map(move |(key, value)| {
            let entry = Entry::Keyed(field.as_ref()?, &key);
            let value = codecs.decode(&value, &crate::codec::Location { incarnation, entry });
            Some(
                key.decode().map_err(|error| error.with_field(entry.field().clone())).and_then(|key| Ok((key, value?))),
            )
        })
    }
}

impl Map<&mut Session> {
    /// Sets the value of a key. [`Session::set`] describes suitable types.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) and [`LimitExceeded`](ErrorKind::LimitExceeded). In both cases nothing
    /// is recorded.
    pub fn insert(&mut self, key: impl Serialize, value: impl Serialize) -> Result<(), Error> {
        let (field, key) = (self.0.named()?, Key::encode(&key)?);
        let entry = Entry::Keyed(&field, &key);
        let value = self.0.session.encode(entry, &value)?;
        self.0.session.record(entry, value)
    }

    /// Removes a key.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the key's type cannot be a key;
    /// [`LimitExceeded`](ErrorKind::LimitExceeded) for more removals in one commit than a session may have entries.
    pub fn remove(&mut self, key: impl Serialize) -> Result<(), Error> {
        self.0.remove(&Key::encode(&key)?)
    }

    /// Removes all keys. It is never refused.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Removes a key at once and returns its value, as [`Session::take`] does for a scalar.
    ///
    /// # Errors
    /// Those of [`Session::take`], and [`InvalidInput`](ErrorKind::InvalidInput) if the key's type cannot be a key.
    ///
    /// # Cancel safety
    /// As [`Session::take`].
    pub async fn take<T: DeserializeOwned>(&mut self, key: impl Serialize) -> Result<Option<T>, Error> {
        let key = Some(Key::encode(&key)?);
        let Some(field) = self.0.field.clone() else { return Ok(None) };
        self.0.session.take_entry(EntryName { field, key }).await
    }

    /// Sets the value of a key to a function of its old value, at once and atomically, as [`Session::update`] does for
    /// a scalar.
    ///
    /// # Errors
    /// Those of [`Session::update`], and [`InvalidInput`](ErrorKind::InvalidInput) if the key's type cannot be a key.
    ///
    /// # Cancel safety
    /// As [`Session::update`].
    pub async fn update<T, F>(&mut self, key: impl Serialize, f: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Default,
        F: FnMut(T) -> T,
    {
        let (field, key) = (self.0.named()?, Some(Key::encode(&key)?));
        self.0.session.update_entry(EntryName { field, key }, f).await
    }
}

impl<S: Deref<Target = Session>> Set<S> {
    /// Whether the set has a member.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the member's type cannot be a key.
    pub fn contains(&self, member: impl Serialize) -> Result<bool, Error> {
        self.0.contains(&Key::encode(&member)?)
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set has no members.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Returns all members, in the order of their text. A member that cannot be decoded as a `K` is an error at its
    /// position.
    pub fn iter<K: DeserializeOwned>(&self) -> impl Iterator<Item = Result<K, Error>> + use<K, S> {
        let field = self.0.field.clone();
        self.0.entries().into_iter().map(move |(key, _)| {
            key.decode().map_err(|error| match &field {
                Some(field) => error.with_field(field.clone()),
                None => error,
            })
        })
    }
}

impl Set<&mut Session> {
    /// Adds a member.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) and [`LimitExceeded`](ErrorKind::LimitExceeded). In both cases nothing
    /// is recorded.
    pub fn insert(&mut self, member: impl Serialize) -> Result<(), Error> {
        let (field, key) = (self.0.named()?, Key::encode(&member)?);
        self.0.session.record(Entry::Keyed(&field, &key), Value::MEMBER)
    }

    /// Removes a member.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the member's type cannot be a key;
    /// [`LimitExceeded`](ErrorKind::LimitExceeded) for more removals in one commit than a session may have entries.
    pub fn remove(&mut self, member: impl Serialize) -> Result<(), Error> {
        self.0.remove(&Key::encode(&member)?)
    }

    /// Removes all members. It is never refused.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<S: Deref<Target = Session>> Keyed<S> {
    fn named(&self) -> Result<Field, Error> {
        self.field.clone().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a field name has 1 to 255 bytes"))
    }

    fn contains(&self, key: &Key) -> Result<bool, Error> {
        let Some(field) = &self.field else { return Ok(false) };
        Ok(self.session.overlay().get(Entry::Keyed(field, key)).is_some())
    }

    fn len(&self) -> usize {
        self.field.as_ref().map_or(0, |field| self.session.overlay().keyed_len(field.as_str()))
    }

    fn entries(&self) -> Vec<(Key, Value)> {
        let Some(field) = &self.field else { return Vec::new() };
        let keyed = self.session.overlay().keyed(field.as_str());
        keyed.entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl Keyed<&mut Session> {
    fn remove(&mut self, key: &Key) -> Result<(), Error> {
        let Some(field) = &self.field else { return Ok(()) };
        self.session.record_removal(Entry::Keyed(field, key))
    }

    fn clear(&mut self) {
        if let Some(field) = &self.field {
            self.session.record_clear(field.clone());
        }
    }
}

impl<S> fmt::Debug for Map<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Map").field(&self.0.field).finish()
    }
}

impl<S> fmt::Debug for Set<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Set").field(&self.0.field).finish()
    }
}
