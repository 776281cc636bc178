//! Epochs: what was cached before a gap is dead at once.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers for the epochs of all partitions, so that one of them also tells what came first.
#[derive(Debug)]
pub(crate) struct Epochs(AtomicU64);

impl Epochs {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(Epoch::FIRST))
    }

    /// The last number that was given out. Whatever epoch has a greater one began later.
    pub(crate) fn latest(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::AcqRel) + 1
    }
}

/// The epoch of one partition. A copy of another epoch answers nothing until the store has vouched for it again.
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

    /// Begins the epoch of this number: one store, however much is cached.
    pub(crate) fn begin(&self, number: u64) {
        self.0.store(number, Ordering::Release);
    }
}
