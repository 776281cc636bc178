//! Keyed fields: maps and sets.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

use super::{Session, sent::EntryName};
use crate::{Entry, Error, ErrorKind, Field, Key, Value};

/// A keyed field of a session as a map; see [`Session::map`].
///
/// Each method takes keys of any type that [can be a key](Key).
pub struct Map<'s>(Keyed<'s>);

/// A keyed field of a session as a set: a map whose values are empty; see [`Session::set`].
pub struct Set<'s>(Keyed<'s>);

struct Keyed<'s> {
    session: &'s mut Session,
    /// `None` for a name that no field can have: it is empty, and inserting into it fails.
    field: Option<Field>,
}

impl Session {
    /// A keyed field as a map: `session.map("cart").insert("sku-1", 2u32)?`.
    pub fn map(&mut self, field: &str) -> Map<'_> {
        Map(Keyed { field: Field::new(field).ok(), session: self })
    }

    /// A keyed field as a set: `session.set("tags").insert("new")?`.
    ///
    /// Members have no value, so a [`Sealed`](crate::codec) codec does not protect them: whoever can write to the store
    /// can add and remove them. Keep roles that matter as values, in a map.
    pub fn set(&mut self, field: &str) -> Set<'_> {
        Set(Keyed { field: Field::new(field).ok(), session: self })
    }
}

impl Map<'_> {
    /// The value of a key.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a key of a type that cannot be one;
    /// [`UnreadableField`](ErrorKind::UnreadableField) when the stored value does not read as a `T`.
    pub fn get<T: DeserializeOwned>(&self, key: impl Serialize) -> Result<Option<T>, Error> {
        let key = Key::encode(&key)?;
        let Some(field) = &self.0.field else { return Ok(None) };
        let entry = Entry::Keyed(field, &key);
        let session = &*self.0.session;
        let value = session.overlay().get(entry);
        value.map(|value| session.sessions.codecs().decode(value, &session.at(entry))).transpose()
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a key of a type that cannot be one.
    pub fn contains(&self, key: impl Serialize) -> Result<bool, Error> {
        self.0.contains(&Key::encode(&key)?)
    }

    /// Sets the value of a key. What suits as a type is said at [`Session::insert`].
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) and [`LimitExceeded`](ErrorKind::LimitExceeded); then nothing is
    /// recorded.
    pub fn insert(&mut self, key: impl Serialize, value: impl Serialize) -> Result<(), Error> {
        let (field, key) = (self.0.named()?, Key::encode(&key)?);
        let entry = Entry::Keyed(&field, &key);
        let value = self.0.session.encode(entry, &value)?;
        self.0.session.record(entry, value);
        Ok(())
    }

    /// Removes a key.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a key of a type that cannot be one.
    pub fn remove(&mut self, key: impl Serialize) -> Result<(), Error> {
        self.0.remove(&Key::encode(&key)?);
        Ok(())
    }

    /// Removes all keys.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// All keys with their values, in the order of the keys' text. What cannot be read is an error in its place.
    pub fn iter<K: DeserializeOwned, T: DeserializeOwned>(
        &self,
    ) -> impl Iterator<Item = Result<(K, T), Error>> + use<K, T> {
        let codecs = self.0.session.sessions.codecs().clone();
        let incarnation = self.0.session.incarnation();
        let field = self.0.field.clone();
        self.0.entries().into_iter().filter_map(move |(key, value)| {
            let entry = Entry::Keyed(field.as_ref()?, &key);
            let value = codecs.decode(&value, &crate::codec::Location { incarnation, entry });
            Some(
                key.decode().map_err(|error| error.with_field(entry.field().clone())).and_then(|key| Ok((key, value?))),
            )
        })
    }

    /// Takes a key out, at once: as [`Session::take`], for one key.
    ///
    /// # Errors
    /// Those of [`Session::take`], and [`InvalidInput`](ErrorKind::InvalidInput) for a key of a type that cannot be
    /// one.
    ///
    /// # Cancel safety
    /// As [`Session::take`].
    pub async fn take<T: DeserializeOwned>(&mut self, key: impl Serialize) -> Result<Option<T>, Error> {
        let key = Some(Key::encode(&key)?);
        let Some(field) = self.0.field.clone() else { return Ok(None) };
        self.0.session.take_entry(EntryName { field, key }).await
    }

    /// Sets the value of a key to a function of it, at once and atomically: as [`Session::update`], for one key.
    ///
    /// # Errors
    /// Those of [`Session::update`], and [`InvalidInput`](ErrorKind::InvalidInput) for a key of a type that cannot be
    /// one.
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

impl Set<'_> {
    /// Whether a member is there.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a member of a type that cannot be a key.
    pub fn contains(&self, member: impl Serialize) -> Result<bool, Error> {
        self.0.contains(&Key::encode(&member)?)
    }

    /// Puts a member in.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput); then nothing is recorded.
    pub fn insert(&mut self, member: impl Serialize) -> Result<(), Error> {
        let (field, key) = (self.0.named()?, Key::encode(&member)?);
        self.0.session.record(Entry::Keyed(&field, &key), Value::MEMBER);
        Ok(())
    }

    /// Takes a member out.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a member of a type that cannot be a key.
    pub fn remove(&mut self, member: impl Serialize) -> Result<(), Error> {
        self.0.remove(&Key::encode(&member)?);
        Ok(())
    }

    /// Removes all members.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// All members, in the order of their text. What does not read as a `K` is an error in its place.
    pub fn iter<K: DeserializeOwned>(&self) -> impl Iterator<Item = Result<K, Error>> + use<K> {
        let field = self.0.field.clone();
        self.0.entries().into_iter().map(move |(key, _)| {
            key.decode().map_err(|error| match &field {
                Some(field) => error.with_field(field.clone()),
                None => error,
            })
        })
    }
}

impl Keyed<'_> {
    fn named(&self) -> Result<Field, Error> {
        self.field.clone().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a field name has 1 to 255 bytes"))
    }

    fn contains(&self, key: &Key) -> Result<bool, Error> {
        let Some(field) = &self.field else { return Ok(false) };
        Ok(self.session.overlay().get(Entry::Keyed(field, key)).is_some())
    }

    fn remove(&mut self, key: &Key) {
        if let Some(field) = &self.field {
            self.session.erase(Entry::Keyed(field, key));
        }
    }

    fn clear(&mut self) {
        if let Some(field) = &self.field {
            self.session.erase_all(field.clone());
        }
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

impl fmt::Debug for Map<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Map").field(&self.0.field).finish()
    }
}

impl fmt::Debug for Set<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Set").field(&self.0.field).finish()
    }
}
