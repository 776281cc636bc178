//! A map in one sorted vector: compact, one allocation, binary search.

use std::{borrow::Borrow, fmt};

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<K, V> SortedMap<K, V> {
    pub(crate) const EMPTY: Self = Self(Vec::new());
}

impl<K: Ord, V> SortedMap<K, V> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Appends an entry with the greatest key. Returns false, and changes nothing, if the key is not the greatest.
    #[must_use]
    pub(crate) fn push_last(&mut self, key: K, value: V) -> bool {
        let last = self.0.last().is_none_or(|(last, _)| *last < key);
        if last {
            self.0.push((key, value));
        }
        last
    }

    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        // Entries mostly arrive in order. Then this is the only comparison.
        match self.0.last() {
            Some((last, _)) if last.borrow() < key => Err(self.0.len()),
            _ => self.0.binary_search_by(|(k, _)| k.borrow().cmp(key)),
        }
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| &self.0[at].1)
    }

    /// The value of `key`. If the key is absent, a default value is inserted first.
    pub(crate) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let at = self.find(&key).unwrap_or_else(|at| {
            self.0.insert(at, (key, V::default()));
            at
        });
        &mut self.0[at].1
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|at| self.0.remove(at).1)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + ExactSizeIterator + Clone {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn as_slice(&self) -> &[(K, V)] {
        &self.0
    }

    pub(crate) fn first_key(&self) -> Option<&K> {
        self.0.first().map(|(key, _)| key)
    }

    pub(crate) fn last_key(&self) -> Option<&K> {
        self.0.last().map(|(key, _)| key)
    }

    /// Appends entries with greater keys. The caller guarantees the order.
    pub(crate) fn append(&mut self, mut later: Self) {
        self.0.append(&mut later.0);
    }

    /// Splits the map evenly into pieces of at most `max` entries.
    pub(crate) fn pieces(self, max: usize) -> impl Iterator<Item = Self> {
        let size = self.len().div_ceil(self.len().div_ceil(max).max(1)).max(1);
        let mut entries = self.0.into_iter();
        std::iter::from_fn(move || {
            let piece: Vec<_> = entries.by_ref().take(size).collect();
            (!piece.is_empty()).then_some(Self(piece))
        })
    }

    /// Applies changes that are sorted by key. Many changes take one pass over both sequences.
    pub(crate) fn merge(&mut self, changes: impl ExactSizeIterator<Item = (K, Option<V>)>) {
        if changes.len() * 8 < self.0.len() {
            for (key, value) in changes {
                match value {
                    Some(value) => drop(self.insert(key, value)),
                    None => drop(self.remove(&key)),
                }
            }
            return;
        }
        let mut merged = Vec::with_capacity(self.0.len() + changes.len());
        let mut old = std::mem::take(&mut self.0).into_iter().peekable();
        for (key, value) in changes {
            while let Some(entry) = old.next_if(|(k, _)| *k < key) {
                merged.push(entry);
            }
            old.next_if(|(k, _)| *k == key);
            merged.extend(value.map(|value| (key, value)));
        }
        merged.extend(old);
        merged.shrink_to_fit();
        self.0 = merged;
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, value)| (key, value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Both ways of merging have the same effect as on a `BTreeMap`.
        #[test]
        fn merge_equals_a_btree_map(
            old in prop::collection::btree_map(0u8..64, any::<u8>(), 0..40),
            changes in prop::collection::btree_map(0u8..64, any::<Option<u8>>(), 0..12),
        ) {
            let mut map = SortedMap(old.clone().into_iter().collect());
            map.merge(changes.clone().into_iter());
            let mut model: BTreeMap<u8, u8> = old;
            for (key, value) in changes {
                match value {
                    Some(value) => drop(model.insert(key, value)),
                    None => drop(model.remove(&key)),
                }
            }
            prop_assert_eq!(map.0, model.into_iter().collect::<Vec<_>>());
        }
    }
}
