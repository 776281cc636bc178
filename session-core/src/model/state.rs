//! A session's state: a finite set of entries.

use std::sync::Arc;

use crate::model::{
    Delta, Field, Key, Value,
    chunks::{Chunks, Iter},
    sorted::SortedMap,
};

/// The state of a session: scalars (`field → value`) and keyed entries (`(field, key) → value`), in separate name
/// spaces. A field with keyed entries is a map; a map whose values are empty is a set.
///
/// States are plain data. A clone shares the keyed fields. [`Delta::apply_to`] copies only the parts of them that it
/// changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub(crate) scalars: SortedMap<Field, Value>,
    pub(crate) maps: SortedMap<Field, Arc<Keyed>>,
    pub(crate) size: Size,
}

/// The entries of one keyed field, never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keyed {
    pub(crate) entries: Chunks<Key, Value>,
    /// The bytes of keys and values, without the field's name.
    pub(crate) bytes: usize,
}

impl Size {
    fn grow(&mut self, bytes: usize) {
        self.entries += 1;
        self.bytes += bytes;
    }
}

/// How large a state is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// The number of scalars and keyed entries.
    pub(crate) entries: usize,
    /// The sum, over all entries, of the lengths of field name, key and encoded value.
    pub(crate) bytes: usize,
}

impl State {
    pub(crate) const EMPTY: Self =
        Self { scalars: SortedMap::EMPTY, maps: SortedMap::EMPTY, size: Size { entries: 0, bytes: 0 } };

    /// The state with these entries, in any order. Of two entries with one name, one is kept. For stores that read a
    /// session entry by entry.
    pub fn from_entries(mut scalars: Vec<(Field, Value)>, mut keyed: Vec<(Field, Key, Value)>) -> Self {
        scalars.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        keyed.sort_unstable_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        let mut state = Self { scalars: SortedMap::with_capacity(scalars.len()), ..Self::default() };
        for (field, value) in scalars {
            let bytes = field.as_str().len() + value.len();
            if state.scalars.push_last(field, value) {
                state.size.grow(bytes);
            }
        }
        let mut rest = keyed.into_iter().peekable();
        while let Some((field, key, value)) = rest.next() {
            let mut entries = SortedMap::EMPTY;
            let mut bytes = 0;
            let mut put = |key: Key, value: Value| {
                let size = key.as_str().len() + value.len();
                if entries.push_last(key, value) {
                    bytes += size;
                    state.size.grow(field.as_str().len() + size);
                }
            };
            put(key, value);
            while let Some((_, key, value)) = rest.next_if(|(next, ..)| *next == field) {
                put(key, value);
            }
            entries.shrink_to_fit();
            let _ = state.maps.push_last(field, Arc::new(Keyed { entries: entries.into(), bytes }));
        }
        state
    }

    /// The value of a scalar.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.scalars.get(field)
    }

    /// The value of a keyed entry.
    pub fn get_keyed(&self, field: &str, key: &str) -> Option<&Value> {
        self.maps.get(field)?.entries.get(key)
    }

    /// All scalars, by field name.
    pub fn scalars(&self) -> impl Iterator<Item = (&Field, &Value)> {
        self.scalars.iter()
    }

    /// The names of all keyed fields, in order.
    pub fn keyed_fields(&self) -> impl Iterator<Item = &Field> {
        self.maps.iter().map(|(field, _)| field)
    }

    /// The entries of a keyed field, by key; none if there is no such field.
    pub fn keyed(&self, field: &str) -> impl ExactSizeIterator<Item = (&Key, &Value)> {
        self.keyed_entries(field)
    }

    pub(crate) fn keyed_entries(&self, field: &str) -> Iter<'_, Key, Value> {
        self.maps.get(field).map(|keyed| keyed.entries.iter()).unwrap_or_default()
    }

    /// The number of entries of a keyed field.
    pub(crate) fn keyed_len(&self, field: &str) -> usize {
        self.maps.get(field).map_or(0, |keyed| keyed.entries.len())
    }

    /// The number of scalars and keyed entries. It is maintained as deltas are applied, so reading it costs nothing.
    pub fn len(&self) -> usize {
        self.size.entries
    }

    /// The sum, over all entries, of the lengths of field name, key and encoded value, in bytes. It is maintained as
    /// deltas are applied, so reading it costs nothing.
    pub fn size_in_bytes(&self) -> usize {
        self.size.bytes
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.size.entries == 0
    }
}

impl From<&Delta> for State {
    /// The state that results from applying a delta to the empty state.
    fn from(delta: &Delta) -> Self {
        let mut state = Self::default();
        delta.apply_to(&mut state);
        state.scalars.shrink_to_fit();
        state.maps.shrink_to_fit();
        state
    }
}
