//! The entries of one keyed field, as a map whose clones share their common parts.

use std::{borrow::Borrow, fmt, sync::Arc};

use crate::model::{Key, Value, sorted::SortedMap};

/// The entries of one keyed field, never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keyed {
    pub(crate) entries: Chunks<Key, Value>,
    /// The bytes of keys and values, without the field's name.
    pub(crate) bytes: usize,
}

/// The maximum number of entries in a chunk. A change copies one chunk while a reader holds the map, and one pointer
/// per chunk.
const MAX: usize = 64;

/// A sorted map in chunks. A change copies the chunk that it changes if a clone shares it; the other chunks stay
/// shared.
#[derive(Clone)]
pub(crate) struct Chunks<K, V>(Repr<K, V>);

#[derive(Clone)]
enum Repr<K, V> {
    /// At most [`MAX`] entries. No larger than a plain map.
    One(SortedMap<K, V>),
    Many(Box<Many<K, V>>),
}

#[derive(Clone)]
struct Many<K, V> {
    len: usize,
    /// At least two chunks, in order. No chunk is empty or larger than [`MAX`], and no two neighbours [`fit`] into one.
    chunks: Vec<Arc<SortedMap<K, V>>>,
}

impl<K, V> Default for Chunks<K, V> {
    fn default() -> Self {
        Self(Repr::One(SortedMap::EMPTY))
    }
}

impl<K: Ord + Clone, V: Clone> From<SortedMap<K, V>> for Chunks<K, V> {
    fn from(map: SortedMap<K, V>) -> Self {
        if map.len() <= MAX {
            return Self(Repr::One(map));
        }
        Self(Repr::Many(Box::new(Many { len: map.len(), chunks: map.pieces(MAX).map(Arc::new).collect() })))
    }
}

impl<K: Ord + Clone, V: Clone> Chunks<K, V> {
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        match &self.0 {
            Repr::One(map) => map.get(key),
            Repr::Many(many) => many.chunks.get(many.place(key))?.get(key),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Repr::One(map) => map.len(),
            Repr::Many(many) => many.len,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn iter(&self) -> Iter<'_, K, V> {
        match &self.0 {
            Repr::One(map) => Iter { chunks: [].iter(), front: map.as_slice().iter(), behind: 0 },
            Repr::Many(many) => Iter { chunks: many.chunks.iter(), front: [].iter(), behind: many.len },
        }
    }

    /// Applies changes that are sorted by key. Many changes take one pass over the chunks.
    pub(crate) fn merge(&mut self, changes: impl ExactSizeIterator<Item = (K, Option<V>)>) {
        match &mut self.0 {
            Repr::One(map) => {
                map.merge(changes);
                if map.len() > MAX {
                    *self = std::mem::take(map).into();
                }
            }
            Repr::Many(many) => {
                many.merge(changes);
                if many.chunks.len() < 2 {
                    let last = many.chunks.pop().map(Arc::unwrap_or_clone);
                    *self = last.unwrap_or_default().into();
                }
            }
        }
    }
}

impl<K: Ord + Clone, V: Clone> Many<K, V> {
    /// The index of the only chunk that can hold a key.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.chunks.partition_point(|chunk| chunk.last_key().is_some_and(|last| last.borrow() < key))
    }

    fn merge(&mut self, changes: impl ExactSizeIterator<Item = (K, Option<V>)>) {
        // There are few enough changes that chunks are left even if all of them are removals.
        if changes.len() * 8 < self.chunks.len() {
            for (key, value) in changes {
                self.change(key, value);
            }
        } else {
            self.change_all(changes);
        }
    }

    fn change(&mut self, key: K, value: Option<V>) {
        let at = self.place(&key).min(self.chunks.len() - 1);
        if value.is_none() && self.chunks[at].get(&key).is_none() {
            return;
        }
        self.len -= self.chunks[at].len();
        let more = merge_chunk(&mut self.chunks[at], std::iter::once((key, value)));
        self.len += self.chunks[at].len() + more.iter().map(|chunk| chunk.len()).sum::<usize>();
        if self.chunks[at].is_empty() {
            self.chunks.remove(at);
        } else if more.is_empty() {
            self.join(at);
        } else {
            self.chunks.splice(at + 1..at + 1, more);
        }
    }

    /// Joins a chunk with a neighbour if both are small, so that removals do not leave many chunks with few entries.
    fn join(&mut self, at: usize) {
        for at in [Some(at), at.checked_sub(1)].into_iter().flatten() {
            if self.chunks.get(at + 1).is_some_and(|next| fit(&self.chunks[at], next)) {
                let next = self.chunks.remove(at + 1);
                Arc::make_mut(&mut self.chunks[at]).append(Arc::unwrap_or_clone(next));
                return;
            }
        }
    }

    fn change_all(&mut self, changes: impl Iterator<Item = (K, Option<V>)>) {
        let mut changes = changes.peekable();
        let mut old = std::mem::take(&mut self.chunks).into_iter().peekable();
        while let Some(mut chunk) = old.next() {
            // All changes up to the next chunk belong to this one.
            let end = old.peek().and_then(|next| next.first_key());
            let here = |(key, _): &(K, Option<V>)| end.is_none_or(|end| key < end);
            let run: Vec<_> = std::iter::from_fn(|| changes.next_if(here)).collect();
            let more = if run.is_empty() { Vec::new() } else { merge_chunk(&mut chunk, run.into_iter()) };
            match self.chunks.last_mut() {
                _ if chunk.is_empty() => {}
                Some(last) if fit(last, &chunk) => Arc::make_mut(last).append(Arc::unwrap_or_clone(chunk)),
                _ => self.chunks.push(chunk),
            }
            self.chunks.extend(more);
        }
        self.len = self.chunks.iter().map(|chunk| chunk.len()).sum();
    }
}

/// Whether two chunks together are far from full, so that the next insertions do not split them again.
fn fit<K: Ord, V>(a: &SortedMap<K, V>, b: &SortedMap<K, V>) -> bool {
    a.len() + b.len() <= MAX / 2
}

/// Applies changes to a chunk. Entries that exceed its capacity are returned as the chunks that follow it.
fn merge_chunk<K: Ord + Clone, V: Clone>(
    chunk: &mut Arc<SortedMap<K, V>>,
    changes: impl ExactSizeIterator<Item = (K, Option<V>)>,
) -> Vec<Arc<SortedMap<K, V>>> {
    let map = Arc::make_mut(chunk);
    map.merge(changes);
    if map.len() <= MAX {
        return Vec::new();
    }
    let mut pieces = std::mem::take(map).pieces(MAX);
    *map = pieces.next().unwrap_or_default();
    pieces.map(Arc::new).collect()
}

/// The entries of a [`Chunks`], in order.
pub(crate) struct Iter<'a, K, V> {
    chunks: std::slice::Iter<'a, Arc<SortedMap<K, V>>>,
    front: std::slice::Iter<'a, (K, V)>,
    /// The number of entries in `chunks`.
    behind: usize,
}

impl<K, V> Default for Iter<'_, K, V> {
    fn default() -> Self {
        Self { chunks: [].iter(), front: [].iter(), behind: 0 }
    }
}

impl<'a, K: Ord, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.front.next() {
                return Some((key, value));
            }
            self.front = self.chunks.next()?.as_slice().iter();
            self.behind -= self.front.len();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.front.len() + self.behind;
        (left, Some(left))
    }
}

impl<K: Ord, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<K: Ord + Clone + PartialEq, V: Clone + PartialEq> PartialEq for Chunks<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Clone, V: Clone + Eq> Eq for Chunks<K, V> {}

impl<K: Ord + Clone + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for Chunks<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::btree_map, prelude::*};

    use super::*;

    type Map = Chunks<u16, u8>;

    impl Map {
        fn chunks(&self) -> &[Arc<SortedMap<u16, u8>>] {
            match &self.0 {
                Repr::One(_) => &[],
                Repr::Many(many) => &many.chunks,
            }
        }

        fn check(&self, model: &BTreeMap<u16, u8>) {
            assert!(self.iter().eq(model) && self.iter().len() == model.len());
            assert!(self.iter().skip(70).len() == model.len().saturating_sub(70));
            assert_eq!((self.len(), self.is_empty()), (model.len(), model.is_empty()));
            (0..1_200).step_by(7).for_each(|key| assert_eq!(self.get(&key), model.get(&key)));
            let sizes: Vec<usize> = self.chunks().iter().map(|chunk| chunk.len()).collect();
            assert!(sizes.len() != 1 && sizes.iter().all(|len| (1..=MAX).contains(len)), "{sizes:?}");
            assert!(sizes.windows(2).all(|two| two[0] + two[1] > MAX / 2), "{sizes:?}");
            assert_eq!(
                *self,
                Map::from(model.iter().fold(SortedMap::EMPTY, |mut map, (key, value)| {
                    assert!(map.push_last(*key, *value));
                    map
                }))
            );
        }
    }

    fn apply(model: &mut BTreeMap<u16, u8>, changes: &BTreeMap<u16, Option<u8>>) {
        for (key, value) in changes {
            match value {
                Some(value) => drop(model.insert(*key, *value)),
                None => drop(model.remove(key)),
            }
        }
    }

    /// One or a few changes, a run, or a sweep that empties or fills a range.
    fn changes() -> impl Strategy<Value = BTreeMap<u16, Option<u8>>> {
        let sweep = (0u16..1_200, 0u16..900, 1usize..4, any::<Option<u8>>()).prop_map(|(start, len, step, value)| {
            (start..(start + len).min(1_200)).step_by(step).map(|key| (key, value)).collect()
        });
        prop_oneof![
            btree_map(0u16..1_200, any::<Option<u8>>(), 1..3),
            btree_map(0u16..1_200, any::<Option<u8>>(), 0..400),
            sweep,
        ]
    }

    proptest! {
        /// Under any splits, removals and joins, it behaves like a `BTreeMap`, and clones made on the way do not
        /// change.
        #[test]
        fn it_behaves_like_a_btree_map_and_clones_do_not_change(steps in prop::collection::vec(changes(), 0..9)) {
            let (mut map, mut model) = (Map::default(), BTreeMap::new());
            let mut clones = Vec::new();
            for step in steps {
                clones.push((map.clone(), model.clone()));
                map.merge(step.clone().into_iter().collect::<Vec<_>>().into_iter());
                apply(&mut model, &step);
                map.check(&model);
            }
            clones.iter().for_each(|(map, model)| map.check(model));
        }

        /// Single changes of a large map: chunks split, then shrink, join and become empty, down to the last one.
        #[test]
        fn single_changes_add_up(
            added in prop::collection::vec(0u16..1_200, 0..300),
            removed in Just((0u16..1_200).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let mut model: BTreeMap<u16, u8> = (0..1_200).step_by(2).map(|key| (key, 0)).collect();
            let mut map = Map::default();
            map.merge(model.clone().into_iter().map(|(key, value)| (key, Some(value))).collect::<Vec<_>>().into_iter());
            let changes = added.into_iter().map(|key| (key, Some(1))).chain(removed.into_iter().map(|key| (key, None)));
            for (at, change) in changes.enumerate() {
                map.merge([change].into_iter());
                apply(&mut model, &BTreeMap::from([change]));
                if at % 128 == 0 {
                    map.check(&model);
                }
            }
            map.check(&model);
            prop_assert!(map.is_empty());
        }
    }

    #[test]
    fn a_change_copies_one_chunk_and_shares_the_others() {
        let mut map = Map::default();
        map.merge((0..1_000).map(|key| (key, Some(0))));
        for change in [(500, Some(1)), (1_100, Some(1)), (3, None)] {
            let before = map.clone();
            map.merge([change].into_iter());
            let kept = |chunk: &&Arc<_>| before.chunks().iter().any(|old| Arc::ptr_eq(old, chunk));
            assert_eq!(map.chunks().len() - map.chunks().iter().filter(kept).count(), 1);
        }
        let before = map.clone();
        map.merge([(2_000, None)].into_iter());
        assert!(map.chunks().iter().zip(before.chunks()).all(|(new, old)| Arc::ptr_eq(new, old)));
    }

    #[test]
    fn a_small_map_is_as_small_as_a_plain_one() {
        assert_eq!(size_of::<Chunks<Key, Value>>(), size_of::<SortedMap<Key, Value>>());
    }
}
