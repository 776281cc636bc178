//! A sorted map for any number of entries, whose clones share their common parts.

#[cfg(test)]
mod tests;

use std::{borrow::Borrow, fmt, sync::Arc};

use crate::model::sorted::SortedMap;

/// The maximum number of entries in a chunk. A change copies one chunk while a reader holds the map, and one pointer
/// per chunk.
const MAX: usize = 64;

/// A sorted map in chunks. A change moves the entries of one chunk, however large the map is. It copies that chunk if a
/// clone shares it; the other chunks stay shared. Up to [`MAX`] entries are one vector.
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

    /// Sets the value of a key, and returns the previous one.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match &mut self.0 {
            Repr::One(map) if map.len() < MAX => map.insert(key, value),
            _ => self.insert_in_chunks(key, value),
        }
    }

    /// Inserts into a map that has chunks or may need them.
    fn insert_in_chunks(&mut self, key: K, value: V) -> Option<V> {
        match &mut self.0 {
            Repr::One(map) => {
                let old = map.insert(key, value);
                if map.len() > MAX {
                    *self = std::mem::take(map).into();
                }
                old
            }
            Repr::Many(many) => many.insert(key, value),
        }
    }

    /// Removes a key, and returns its value.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match &mut self.0 {
            Repr::One(map) => map.remove(key),
            Repr::Many(many) => {
                let old = many.remove(key);
                self.collapse();
                old
            }
        }
    }

    /// The value of a key. If the key is absent, a default value is inserted first.
    pub(crate) fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let has_room = matches!(&self.0, Repr::One(map) if map.len() < MAX);
        if !has_room && self.get(&key).is_none() {
            self.insert(key.clone(), V::default());
        }
        match &mut self.0 {
            Repr::One(map) => map.get_or_default(key),
            Repr::Many(many) => many.chunk_of(&key).get_or_default(key),
        }
    }

    pub(crate) fn clear(&mut self) {
        match &mut self.0 {
            Repr::One(map) => map.clear(),
            Repr::Many(_) => *self = Self::default(),
        }
    }

    /// A map that is left with one chunk is a plain one.
    fn collapse(&mut self) {
        if let Repr::Many(many) = &mut self.0
            && many.chunks.len() < 2
        {
            let last = many.chunks.pop().map(Arc::unwrap_or_clone);
            *self = last.unwrap_or_default().into();
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
                self.collapse();
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

    /// The chunk that holds a key or that the key belongs to, for changes.
    fn chunk_of(&mut self, key: &K) -> &mut SortedMap<K, V> {
        let at = self.place(key).min(self.chunks.len() - 1);
        Arc::make_mut(&mut self.chunks[at])
    }

    fn insert(&mut self, key: K, value: V) -> Option<V> {
        let at = self.place(&key).min(self.chunks.len() - 1);
        let chunk = Arc::make_mut(&mut self.chunks[at]);
        let old = chunk.insert(key, value);
        self.len += usize::from(old.is_none());
        if chunk.len() > MAX {
            let pieces = std::mem::take(chunk).pieces(MAX).map(Arc::new);
            self.chunks.splice(at..=at, pieces);
        }
        old
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.place(key);
        // A shared chunk without the key is not copied.
        self.chunks.get(at)?.get(key)?;
        let old = Arc::make_mut(&mut self.chunks[at]).remove(key);
        self.len -= usize::from(old.is_some());
        if self.chunks[at].is_empty() {
            self.chunks.remove(at);
        } else {
            self.join(at);
        }
        old
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

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.front.next() {
                return Some((key, value));
            }
            self.front = self.chunks.next()?.as_slice().iter();
            self.behind -= self.front.len();
        }
    }

    /// One loop per chunk, without a look at the chunks for each entry.
    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut each: F) -> B {
        let mut folded = init;
        for (key, value) in self.front {
            folded = each(folded, (key, value));
        }
        for chunk in self.chunks {
            for (key, value) in chunk.as_slice() {
                folded = each(folded, (key, value));
            }
        }
        folded
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
