//! Lower bounds: from when on an answer may not be older than which version of the history.

use std::collections::BTreeMap;

/// For each key: growing versions, each with the moment from which it binds.
#[derive(Debug)]
pub(crate) struct LowerBounds<K>(BTreeMap<K, Vec<(u64, u64)>>);

impl<K> Default for LowerBounds<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> LowerBounds<K> {
    /// After `when`, no answer is older than `version`.
    pub(crate) fn raise(&mut self, key: K, when: u64, version: u64) {
        let bounds = self.0.entry(key).or_default();
        if bounds.last().is_none_or(|(_, last)| *last < version) {
            bounds.push((when, version));
        }
    }

    /// The bound of a call that began at `when`.
    pub(crate) fn at(&self, key: &K, when: u64) -> u64 {
        let bounds = self.0.get(key).map(Vec::as_slice).unwrap_or_default();
        let next = bounds.partition_point(|(from, _)| *from < when);
        next.checked_sub(1).map_or(0, |last| bounds[last].1)
    }
}
