//! Deltas: the entries that an update removes and sets.

use std::sync::Arc;

use crate::model::{
    Field, Key, State, Value,
    chunks::Chunks,
    edit::{Edit, EditCount, KeyedDelta},
    state::Size,
};

/// An update (U, D) of a session, applied as S′ = (S − D) ∪ U: first the difference, then the union.
///
/// A delta is always in normal form. Each scalar is set or removed. Each keyed field may be cleared. Each key is set or
/// removed; it is removed only if its field is not cleared. There is therefore exactly one `Delta` for each effect,
/// equality of deltas is equality of effects, and a sequence that (S − D) ∪ U cannot express cannot be built. The
/// methods append a step: `insert` then `clear` is a `clear`.
///
/// Laws: applying a delta twice in a row equals applying it once; applying [`a.then(b)`](Self::then) equals applying a,
/// then b; `then` is associative, and the empty delta is its identity; deltas that do not [overlap](Self::overlaps)
/// commute.
///
/// ```
/// use session_core::{model::{Delta, Field, Format, Key, State, Value}};
///
/// let (cart, one) = (Field::new("cart")?, Value::new(Format::JSON, b"1"));
/// let mut a = Delta::new();
/// a.insert(cart.clone(), Key::new("sku-1")?, one.clone());
/// let mut b = Delta::new();
/// b.insert(cart.clone(), Key::new("sku-2")?, one);
/// assert!(!a.overlaps(&b));
///
/// let mut state = State::default();
/// a.then(&b).apply_to(&mut state);
/// assert_eq!(state.keyed("cart").len(), 2);
/// # Ok::<(), session_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    pub(crate) scalars: Chunks<Field, Edit>,
    pub(crate) maps: Chunks<Field, KeyedDelta>,
    count: EditCount,
}

/// Selects the entries that a difference removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector<'a> {
    /// One scalar.
    Scalar(&'a Field),
    /// One keyed entry.
    Keyed(&'a Field, &'a Key),
    /// All entries of a keyed field.
    All(&'a Field),
}

/// The name of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry<'a> {
    /// A scalar.
    Scalar(&'a Field),
    /// A keyed entry.
    Keyed(&'a Field, &'a Key),
}

impl Delta {
    /// The empty delta.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a scalar.
    pub fn set(&mut self, field: Field, value: Value) {
        let old = self.scalars.insert(field, Edit::Set(value));
        self.count.set += 1;
        self.count.subtract(old.as_ref());
    }

    /// Removes a scalar.
    pub fn remove(&mut self, field: Field) {
        let old = self.scalars.insert(field, Edit::Remove);
        self.count.removed += 1;
        self.count.subtract(old.as_ref());
    }

    /// Sets a keyed entry.
    pub fn insert(&mut self, field: Field, key: Key, value: Value) {
        let old = self.maps.get_or_default(field).entries.insert(key, Edit::Set(value));
        self.count.set += 1;
        self.count.subtract(old.as_ref());
    }

    /// Sets the entry with this name.
    pub(crate) fn set_entry(&mut self, entry: Entry<'_>, value: Value) {
        match entry {
            Entry::Scalar(field) => self.set(field.clone(), value),
            Entry::Keyed(field, key) => self.insert(field.clone(), key.clone(), value),
        }
    }

    /// Removes the entry with this name.
    pub(crate) fn remove_entry(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Scalar(field) => self.remove(field.clone()),
            Entry::Keyed(field, key) => self.remove_key(field.clone(), key.clone()),
        }
    }

    /// Removes a keyed entry.
    pub fn remove_key(&mut self, field: Field, key: Key) {
        let keyed = self.maps.get_or_default(field);
        let old = if keyed.clear {
            keyed.entries.remove(&key)
        } else {
            self.count.removed += 1;
            keyed.entries.insert(key, Edit::Remove)
        };
        self.count.subtract(old.as_ref());
    }

    /// Removes all entries of a keyed field.
    pub fn clear(&mut self, field: Field) {
        let keyed = self.maps.get_or_default(field);
        self.count.replace(keyed.count(), EditCount { set: 0, removed: 1 });
        keyed.clear = true;
        keyed.entries.clear();
    }

    /// Returns the one delta with the effect of this delta followed by `later`.
    #[must_use]
    pub fn then(mut self, later: &Self) -> Self {
        if self.is_empty() {
            return later.clone();
        }
        for (field, edit) in later.scalars.iter() {
            self.count.add(Some(edit));
            self.count.subtract(self.scalars.get(field));
        }
        let scalars = later.scalars.iter().map(|(field, edit)| (field.clone(), Some(edit.clone())));
        self.scalars.merge(scalars);
        for (field, keyed) in later.maps.iter() {
            let earlier = self.maps.get_or_default(field.clone());
            if keyed.clear {
                self.count.replace(earlier.count(), keyed.count());
            } else {
                for (key, edit) in keyed.entries.iter() {
                    self.count.add(Some(edit).filter(|edit| !earlier.makes_redundant(edit)));
                    self.count.subtract(earlier.entries.get(key));
                }
            }
            earlier.append(keyed);
        }
        self
    }

    /// A delta of these parts, which are in normal form.
    pub(crate) fn from_parts(scalars: Chunks<Field, Edit>, maps: Chunks<Field, KeyedDelta>) -> Self {
        let mut count = EditCount::default();
        scalars.iter().for_each(|(_, edit)| count.add(Some(edit)));
        maps.iter().for_each(|(_, keyed)| count.replace(EditCount::default(), keyed.count()));
        Self { scalars, maps, count }
    }

    /// The size of the delta. It is maintained as edits are added, so reading it costs nothing.
    pub(crate) fn count(&self) -> EditCount {
        self.count
    }

    /// The size that the delta would have with one more edit.
    pub(crate) fn count_with(&self, entry: Entry<'_>, edit: &Edit) -> EditCount {
        let mut count = self.count;
        let (old, redundant) = match entry {
            Entry::Scalar(field) => (self.scalars.get(field), false),
            Entry::Keyed(field, key) => match self.maps.get(field) {
                Some(keyed) => (keyed.entries.get(key), keyed.makes_redundant(edit)),
                None => (None, false),
            },
        };
        count.add(Some(edit).filter(|_| !redundant));
        count.subtract(old);
        count
    }

    /// Applies the delta: S′ = (S − D) ∪ U.
    pub fn apply_to(&self, state: &mut State) {
        state.size = self.size_after(state);
        state.scalars.merge(self.scalars.iter().map(|(field, edit)| (field.clone(), edit.value().cloned())));
        for (field, keyed) in self.maps.iter() {
            if keyed.clear {
                state.maps.remove(field);
            }
            let puts = keyed.entries.iter().any(|(_, edit)| *edit != Edit::Remove);
            if !puts && state.maps.get(field).is_none() {
                continue;
            }
            let entries = Arc::make_mut(state.maps.get_or_default(field.clone()));
            keyed.apply_to(entries);
            if entries.entries.is_empty() {
                state.maps.remove(field);
            }
        }
    }

    /// The size that `state` would have with this delta applied, without applying it. The cost depends only on the size
    /// of the delta.
    pub(crate) fn size_after(&self, state: &State) -> Size {
        let mut size = state.size;
        for (field, edit) in self.scalars.iter() {
            let name = field.as_str().len();
            size = size.exchanged(name, state.scalars.get(field), edit.value());
        }
        for (field, keyed) in self.maps.iter() {
            let name = field.as_str().len();
            let old = state.maps.get(field).filter(|_| !keyed.clear);
            if let (true, Some(cleared)) = (keyed.clear, state.maps.get(field)) {
                size.entries -= cleared.entries.len();
                size.bytes -= cleared.bytes + name * cleared.entries.len();
            }
            for (key, edit) in keyed.entries.iter() {
                let before = old.and_then(|old| old.entries.get(key));
                size = size.exchanged(name + key.as_str().len(), before, edit.value());
            }
        }
        size
    }

    /// Whether the delta changes nothing.
    pub fn is_empty(&self) -> bool {
        self.scalars.is_empty() && self.maps.is_empty()
    }

    /// The number of fields that the delta changes. A scalar and a keyed field of one name are two.
    #[cfg(feature = "tracing")]
    pub(crate) fn field_count(&self) -> usize {
        self.scalars.len() + self.maps.len()
    }

    /// Whether both deltas edit the same entry. Clearing a field edits each of its entries. Deltas that do not overlap
    /// commute.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.scalars.iter().any(|(field, _)| other.scalars.get(field).is_some())
            || self.maps.iter().any(|(field, keyed)| other.maps.get(field).is_some_and(|it| keyed.overlaps(it)))
    }

    /// The edit that this delta makes to one entry, if any.
    pub(crate) fn find_edit(&self, entry: Entry<'_>) -> Option<&Edit> {
        match entry {
            Entry::Scalar(field) => self.scalars.get(field),
            Entry::Keyed(field, key) => {
                let keyed = self.maps.get(field)?;
                keyed.entries.get(key).or(if keyed.clear { Some(&Edit::Remove) } else { None })
            }
        }
    }

    /// The difference D, in order. It omits the selectors of entries that the union replaces, which would be redundant.
    pub fn removals(&self) -> impl Iterator<Item = Selector<'_>> {
        let scalars = self.scalars.iter().filter(|(_, edit)| **edit == Edit::Remove);
        let keyed = self.maps.iter().flat_map(|(field, keyed)| {
            let keys = keyed.entries.iter().filter(|(_, edit)| **edit == Edit::Remove);
            keyed
                .clear
                .then_some(Selector::All(field))
                .into_iter()
                .chain(keys.map(|(key, _)| Selector::Keyed(field, key)))
        });
        scalars.map(|(field, _)| Selector::Scalar(field)).chain(keyed)
    }

    /// The union U, in order.
    pub fn insertions(&self) -> impl Iterator<Item = (Entry<'_>, &Value)> {
        let scalars = self.scalars.iter().filter_map(|(field, edit)| Some((Entry::Scalar(field), edit.value()?)));
        let keyed = self.maps.iter().flat_map(|(field, keyed)| {
            keyed.entries.iter().filter_map(move |(key, edit)| Some((Entry::Keyed(field, key), edit.value()?)))
        });
        scalars.chain(keyed)
    }
}

impl Size {
    fn exchanged(self, name: usize, old: Option<&Value>, new: Option<&Value>) -> Self {
        let bytes = |value: Option<&Value>| value.map_or(0, |value| name + value.len());
        Self {
            entries: self.entries + usize::from(new.is_some()) - usize::from(old.is_some()),
            bytes: self.bytes + bytes(new) - bytes(old),
        }
    }
}

impl<'a> Entry<'a> {
    /// The scalar's field, or the field that the keyed entry belongs to.
    pub fn field(self) -> &'a Field {
        match self {
            Self::Scalar(field) | Self::Keyed(field, _) => field,
        }
    }

    /// The value of the entry in a state.
    pub(crate) fn value_in(self, state: &State) -> Option<&Value> {
        match self {
            Self::Scalar(field) => state.get(field.as_str()),
            Self::Keyed(field, key) => state.get_keyed(field.as_str(), key.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Format;

    /// Handles read through recorded deltas by it, so it must agree with the application of the delta.
    #[test]
    fn the_edit_of_an_entry_is_what_applying_the_delta_does_to_it() {
        let field = Field::new("f").unwrap();
        let (key, other) = (Key::new("k").unwrap(), Key::new("other").unwrap());
        let [before, after] = [b"1", b"2"].map(|payload| Value::new(Format::JSON, payload));
        let entries = [Entry::Scalar(&field), Entry::Keyed(&field, &key), Entry::Keyed(&field, &other)];
        let mut full = State::default();
        let mut fill = Delta::new();
        entries.into_iter().for_each(|entry| fill.set_entry(entry, before.clone()));
        fill.apply_to(&mut full);
        type Step<'a> = &'a dyn Fn(&mut Delta);
        let steps: [Step<'_>; 6] = [
            &|_| {},
            &|delta| delta.set(field.clone(), after.clone()),
            &|delta| delta.remove(field.clone()),
            &|delta| delta.insert(field.clone(), key.clone(), after.clone()),
            &|delta| delta.remove_key(field.clone(), key.clone()),
            &|delta| delta.clear(field.clone()),
        ];
        for first in steps {
            for second in steps {
                let mut delta = Delta::new();
                first(&mut delta);
                second(&mut delta);
                let size = EditCount { set: delta.insertions().count(), removed: delta.removals().count() };
                let [mut one, mut other] = [Delta::new(), Delta::new()];
                first(&mut one);
                second(&mut other);
                assert_eq!((delta.count(), one.then(&other)), (size, delta.clone()));
                for entry in entries {
                    for edit in [Edit::Set(after.clone()), Edit::Remove] {
                        let mut longer = delta.clone();
                        match &edit {
                            Edit::Set(value) => longer.set_entry(entry, value.clone()),
                            Edit::Remove => longer.remove_entry(entry),
                        }
                        assert_eq!(delta.count_with(entry, &edit), longer.count(), "{delta:?} {entry:?} {edit:?}");
                    }
                }
                let mut changed = full.clone();
                delta.apply_to(&mut changed);
                for entry in entries {
                    let expected = match delta.find_edit(entry) {
                        None => Some(&before),
                        Some(edit) => edit.value(),
                    };
                    assert_eq!(entry.value_in(&changed), expected, "{delta:?} {entry:?}");
                }
            }
        }
    }
}
