//! What belongs to one partition: its epoch, its lease, and the desk where its copies are changed.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use parking_lot::{Mutex, MutexGuard};
use session_core::model::{IdDigest, Incarnation, Timestamp};

use crate::{epoch::Epoch, fill::Fill, hash::ByDigest, lease::Lease};

/// One partition. Reads look at the epoch and the lease and lock nothing.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) epoch: Epoch,
    pub(crate) lease: Lease,
    /// How many copies there are, so that nobody asks for leases that nobody needs.
    copies: AtomicUsize,
    /// The epoch in which a session was last found here.
    lived_in: AtomicU64,
    desk: Mutex<Desk>,
}

/// Whoever changes copies of the partition holds its lock, so that installing a fill, a patch and an eviction exclude
/// each other, for the old and the new id of a rotation too: both are in one partition.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// The latest fill of each digest that is in flight.
    pub(crate) fills: HashMap<IdDigest, Fill, ByDigest>,
    /// Where the copy of a session is: it keeps its incarnation when it moves to another id.
    pub(crate) homes: HashMap<Incarnation, IdDigest, ByDigest>,
}

impl Partition {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Epoch::new(),
            lease: Lease::default(),
            copies: AtomicUsize::new(0),
            lived_in: AtomicU64::new(0),
            desk: Mutex::default(),
        }
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock()
    }

    /// What is left of the lease, in milliseconds, for a copy of this epoch.
    ///
    /// The lease is read first: if the epoch is the copy's afterwards, it was all the time, and the lease is of it. The
    /// other way round, a thread that is held up in between could take the lease of a later epoch for this one's.
    pub(crate) fn lease_left(&self, epoch: u64, now: Timestamp) -> Option<u64> {
        let left = self.lease.left(now)?;
        (self.epoch.number() == epoch).then_some(left)
    }

    /// A session was found here by a request of this epoch.
    pub(crate) fn lives_in(&self, epoch: u64) {
        self.lived_in.fetch_max(epoch, Ordering::AcqRel);
    }

    /// Whether a session was found here in this epoch, so that the partition has a sequence, which the feed knows.
    pub(crate) fn is_inhabited(&self) -> bool {
        self.lived_in.load(Ordering::Acquire) == self.epoch.number()
    }

    /// Counts a copy in; true for the first one.
    pub(crate) fn gained(&self) -> bool {
        self.copies.fetch_add(1, Ordering::AcqRel) == 0
    }

    pub(crate) fn lost(&self) {
        self.copies.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn copies(&self) -> usize {
        self.copies.load(Ordering::Acquire)
    }
}
