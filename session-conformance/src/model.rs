//! A second, plain implementation of a session's state and updates, with which a backend is compared.

use std::{collections::BTreeMap, fmt};

use session_core::model::{Delta, Field, Format, Key, State, Value};

use crate::must::Must as _;

/// A state: entries by name. The key of a scalar is `None`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Model(BTreeMap<(String, Option<String>), Vec<u8>>);

/// Changes in the order in which they are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(Vec<Change>);

#[derive(Clone, Debug)]
enum Change {
    Set(String, Vec<u8>),
    Remove(String),
    Insert(String, String, Vec<u8>),
    RemoveKey(String, String),
    Clear(String),
}

/// An empty list of changes.
pub(crate) fn changes() -> Changes {
    Changes::default()
}

/// A readable value.
pub(crate) fn value(text: &str) -> Value {
    Value::new(Format::JSON, format!("{text:?}").as_bytes())
}

pub(crate) fn field(name: &str) -> Field {
    Field::new(name).must()
}

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).must()
}

impl Changes {
    pub(crate) fn set(self, field: &str, text: &str) -> Self {
        self.set_value(field, &value(text))
    }

    pub(crate) fn set_value(mut self, field: &str, value: &Value) -> Self {
        self.0.push(Change::Set(field.to_owned(), value.as_bytes().to_vec()));
        self
    }

    pub(crate) fn remove(mut self, field: &str) -> Self {
        self.0.push(Change::Remove(field.to_owned()));
        self
    }

    pub(crate) fn insert(self, field: &str, key: &str, text: &str) -> Self {
        self.insert_value(field, key, &value(text))
    }

    pub(crate) fn insert_value(mut self, field: &str, key: &str, value: &Value) -> Self {
        self.0.push(Change::Insert(field.to_owned(), key.to_owned(), value.as_bytes().to_vec()));
        self
    }

    pub(crate) fn remove_key(mut self, field: &str, key: &str) -> Self {
        self.0.push(Change::RemoveKey(field.to_owned(), key.to_owned()));
        self
    }

    pub(crate) fn clear(mut self, field: &str) -> Self {
        self.0.push(Change::Clear(field.to_owned()));
        self
    }

    pub(crate) fn delta(&self) -> Delta {
        let mut delta = Delta::new();
        let value = |bytes: &[u8]| Value::from(bytes.to_vec());
        for change in &self.0 {
            match change {
                Change::Set(name, bytes) => delta.set(field(name), value(bytes)),
                Change::Remove(name) => delta.remove(field(name)),
                Change::Insert(name, k, bytes) => delta.insert(field(name), key(k), value(bytes)),
                Change::RemoveKey(name, k) => delta.remove_key(field(name), key(k)),
                Change::Clear(name) => delta.clear(field(name)),
            }
        }
        delta
    }
}

impl Model {
    pub(crate) fn of(state: &State) -> Self {
        let bytes = |value: &Value| value.as_bytes().to_vec();
        let scalars = state.scalars().map(|(name, value)| ((name.as_str().to_owned(), None), bytes(value)));
        let keyed = state.keyed_fields().flat_map(|name| {
            let entry = move |(key, value): (&Key, &Value)| {
                ((name.as_str().to_owned(), Some(key.as_str().to_owned())), bytes(value))
            };
            state.keyed(name.as_str()).map(entry)
        });
        Self(scalars.chain(keyed).collect())
    }

    /// The state after these changes, made one by one.
    pub(crate) fn after(mut self, changes: &Changes) -> Self {
        for change in &changes.0 {
            match change.clone() {
                Change::Set(field, value) => drop(self.0.insert((field, None), value)),
                Change::Remove(field) => drop(self.0.remove(&(field, None))),
                Change::Insert(field, key, value) => drop(self.0.insert((field, Some(key)), value)),
                Change::RemoveKey(field, key) => drop(self.0.remove(&(field, Some(key)))),
                Change::Clear(field) => self.0.retain(|(name, key), _| *name != field || key.is_none()),
            }
        }
        self
    }

    pub(crate) fn from(changes: &Changes) -> Self {
        Self::default().after(changes)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Model {
    /// Shows only the size of a large state, so that the report stays readable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len() > 32 {
            return write!(f, "{} entries", self.len());
        }
        let shown = self.0.iter().map(|(name, value)| (name, String::from_utf8_lossy(&value[..value.len().min(32)])));
        f.debug_map().entries(shown).finish()
    }
}
