//! What a delta does to scalars and keyed fields, and how much that is.

use crate::model::{Key, Value, chunks::Chunks, state::Keyed};

/// What a delta does to one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Sets the entry to this value.
    Set(Value),
    /// Removes the entry.
    Remove,
}

/// What a delta does to one keyed field: clears it, changes some of its entries, or clears it and then changes some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyedDelta {
    pub(crate) clear: bool,
    /// Contains no `Remove` when `clear` is set.
    pub(crate) entries: Chunks<Key, Edit>,
}

/// The size of a delta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EditCount {
    /// The number of entries in the union.
    pub(crate) set: usize,
    /// The number of selectors in the difference.
    pub(crate) removed: usize,
}

impl Edit {
    /// The new value; `None` for a removal.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Self::Set(value) => Some(value),
            Self::Remove => None,
        }
    }
}

impl KeyedDelta {
    pub(crate) fn append(&mut self, later: &Self) {
        if later.clear {
            *self = later.clone();
            return;
        }
        let clear = self.clear;
        let entries = later.entries.iter().map(|(key, edit)| {
            let redundant = clear && *edit == Edit::Remove;
            (key.clone(), (!redundant).then(|| edit.clone()))
        });
        self.entries.merge(entries);
    }

    /// Whether an edit of an entry adds nothing: the field is cleared already.
    pub(crate) fn makes_redundant(&self, edit: &Edit) -> bool {
        self.clear && *edit == Edit::Remove
    }

    /// The size of the edits of this field.
    pub(crate) fn count(&self) -> EditCount {
        let mut count = EditCount { set: 0, removed: usize::from(self.clear) };
        self.entries.iter().for_each(|(_, edit)| count.add(Some(edit)));
        count
    }

    /// Applies the edits of entries. The caller handles `clear`.
    pub(crate) fn apply_to(&self, keyed: &mut Keyed) {
        for (key, edit) in self.entries.iter() {
            let length = |value: Option<&Value>| value.map_or(0, |value| key.as_str().len() + value.len());
            keyed.bytes += length(edit.value());
            keyed.bytes -= length(keyed.entries.get(key));
        }
        keyed.entries.merge(self.entries.iter().map(|(key, edit)| (key.clone(), edit.value().cloned())));
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.clear || other.clear || self.entries.iter().any(|(key, _)| other.entries.get(key).is_some())
    }
}

impl EditCount {
    /// Counts one more edit, if there is one.
    pub(crate) fn add(&mut self, edit: Option<&Edit>) {
        match edit {
            Some(Edit::Set(_)) => self.set += 1,
            Some(Edit::Remove) => self.removed += 1,
            None => {}
        }
    }

    /// Counts an edit no longer. It was counted before.
    pub(crate) fn subtract(&mut self, edit: Option<&Edit>) {
        match edit {
            Some(Edit::Set(_)) => self.set -= 1,
            Some(Edit::Remove) => self.removed -= 1,
            None => {}
        }
    }

    /// Counts other edits in place of some that were counted before.
    pub(crate) fn replace(&mut self, old: Self, new: Self) {
        self.set = self.set + new.set - old.set;
        self.removed = self.removed + new.removed - old.removed;
    }
}
