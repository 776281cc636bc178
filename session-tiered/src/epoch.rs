//! Epochs: a gap in the feed ends the epoch of its partition, and with it the validity of every copy cached there.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers the epochs of all partitions from one counter, so that a greater number always means a later beginning.
#[derive(Debug)]
pub(crate) struct Epochs(AtomicU64);

impl Epochs {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(Epoch::FIRST))
    }

    /// The last number given out. An epoch with a greater number began later.
    pub(crate) fn latest(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::AcqRel) + 1
    }
}

/// The current epoch of one partition. A copy of another epoch answers nothing until the store has vouched for it again.
#[derive(Debug)]
pub(crate) struct Epoch(AtomicU64);

impl Epoch {
    const FIRST: u64 = 1;

    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(Self::FIRST))
    }

    pub(crate) fn number(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Begins the epoch with this number. One atomic store, however many copies the partition has.
    pub(crate) fn begin(&self, number: u64) {
        self.0.store(number, Ordering::Release);
    }
}
