//! From when on an answer may not be older than which version of the history.

use std::collections::BTreeMap;

/// For each key: versions that only grow, with when each began to bind.
#[derive(Debug)]
pub(crate) struct Bounds<K>(BTreeMap<K, Vec<(u64, u64)>>);

impl<K> Default for Bounds<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Bounds<K> {
    /// After `when`, nothing before `version`.
    pub(crate) fn raise(&mut self, key: K, when: u64, version: u64) {
        let bounds = self.0.entry(key).or_default();
        if bounds.last().is_none_or(|(_, last)| *last < version) {
            bounds.push((when, version));
        }
    }

    /// What binds that began at `when`.
    pub(crate) fn at(&self, key: &K, when: u64) -> u64 {
        let bounds = self.0.get(key).map(Vec::as_slice).unwrap_or_default();
        let next = bounds.partition_point(|(from, _)| *from < when);
        next.checked_sub(1).map_or(0, |last| bounds[last].1)
    }
}
