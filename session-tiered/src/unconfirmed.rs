//! Changes that were applied to copies, and that no barrier of their partition has confirmed yet.

use std::collections::HashMap;

/// The changes of each partition that no barrier has confirmed, by the order in which they were applied.
#[derive(Debug, Default)]
pub(crate) struct Unconfirmed {
    applied: u64,
    /// The first and the last one of each partition.
    of: HashMap<u16, (u64, u64)>,
}

impl Unconfirmed {
    /// The number of changes that were applied so far.
    pub(crate) fn applied(&self) -> u64 {
        self.applied
    }

    /// A change was applied.
    pub(crate) fn add(&mut self, partition: u16) {
        self.applied += 1;
        self.of.entry(partition).or_insert((self.applied, self.applied)).1 = self.applied;
    }

    /// A barrier of the partition, which was requested after this many changes, has confirmed those.
    pub(crate) fn confirm(&mut self, partition: u16, applied: u64) {
        if let Some((first, last)) = self.of.get_mut(&partition) {
            if *last <= applied {
                self.of.remove(&partition);
            } else {
                *first = (*first).max(applied + 1);
            }
        }
    }

    /// Whether the partition has an unconfirmed change.
    pub(crate) fn contains(&self, partition: u16) -> bool {
        self.of.contains_key(&partition)
    }

    /// Whether one of the first `applied` changes was one of the partition and is unconfirmed.
    pub(crate) fn has_before(&self, partition: u16, applied: u64) -> bool {
        self.of.get(&partition).is_some_and(|(first, _)| *first <= applied)
    }

    /// The copies of a partition, or of all of them, answer no more.
    pub(crate) fn clear(&mut self, partition: Option<u16>) {
        match partition {
            Some(partition) => drop(self.of.remove(&partition)),
            None => self.of.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_confirms_what_was_applied_before_it_was_requested() {
        let mut unconfirmed = Unconfirmed::default();
        unconfirmed.add(1);
        unconfirmed.add(2);
        let requested = unconfirmed.applied();
        unconfirmed.add(1);
        unconfirmed.confirm(1, requested);
        assert!(unconfirmed.contains(1) && !unconfirmed.has_before(1, requested), "the later one");
        assert!(unconfirmed.has_before(1, unconfirmed.applied()));
        assert!(unconfirmed.has_before(2, requested), "another partition's");
        unconfirmed.confirm(1, unconfirmed.applied());
        assert!(!unconfirmed.contains(1) && unconfirmed.contains(2));
        unconfirmed.clear(None);
        assert!(!unconfirmed.contains(2));
    }
}
