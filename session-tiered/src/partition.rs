//! One partition: its epoch, its lease, and the lock under which its copies change.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use parking_lot::{Mutex, MutexGuard};
use session_core::model::{IdDigest, Incarnation, Timestamp};

use crate::{epoch::Epoch, fill::Fill, hash::ByDigest, lease::Lease};

/// One partition. Reads check the epoch and the lease and take no lock.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) epoch: Epoch,
    pub(crate) lease: Lease,
    /// The number of copies. A partition without copies needs no lease.
    copies: AtomicUsize,
    /// The last epoch in which a session was found here.
    last_session_epoch: AtomicU64,
    state: Mutex<PartitionState>,
}

/// The state under a partition's lock. Installing a fill, a patch and an eviction of one session exclude each other, as
/// do those at the old and the new id of a rotation, because both ids are in one partition.
#[derive(Debug, Default)]
pub(crate) struct PartitionState {
    /// The latest fill in flight for each digest.
    pub(crate) fills: HashMap<IdDigest, Fill, ByDigest>,
    /// The digest at which each session's copy is. A session keeps its incarnation when it moves to another id.
    pub(crate) locations: HashMap<Incarnation, IdDigest, ByDigest>,
    /// The digests to which old ids forwarded when they were last used here.
    forwards: HashMap<IdDigest, IdDigest, ByDigest>,
}

/// The maximum number of forwards that a partition remembers.
const MAX_FORWARDS: usize = 64;

impl PartitionState {
    /// Remembers that an old id forwards to a digest.
    pub(crate) fn record_forward(&mut self, old: IdDigest, to: IdDigest) {
        if self.forwards.len() >= MAX_FORWARDS
            && !self.forwards.contains_key(&old)
            && let Some(another) = self.forwards.keys().next().copied()
        {
            self.forwards.remove(&another);
        }
        self.forwards.insert(old, to);
    }

    /// The digest to which an old id forwarded when it was last used here, if that is still remembered.
    pub(crate) fn forward(&self, old: &IdDigest) -> Option<IdDigest> {
        self.forwards.get(old).copied()
    }

    /// Forgets where an old id forwarded to.
    pub(crate) fn take_forward(&mut self, old: &IdDigest) -> Option<IdDigest> {
        self.forwards.remove(old)
    }
}

impl Partition {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Epoch::new(),
            lease: Lease::default(),
            copies: AtomicUsize::new(0),
            last_session_epoch: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, PartitionState> {
        self.state.lock()
    }

    /// The milliseconds that remain of the lease, for a copy of this epoch.
    ///
    /// The lease is read before the epoch. If the epoch is the copy's afterwards, it was so when the lease was read, and
    /// the lease belongs to it. In the other order, a thread that is held up in between could take the lease of a later
    /// epoch for its copy's.
    pub(crate) fn lease_left(&self, epoch: u64, now: Timestamp) -> Option<u64> {
        let left = self.lease.left(now)?;
        (self.epoch.number() == epoch).then_some(left)
    }

    /// A request of this epoch found a session here.
    pub(crate) fn record_session(&self, epoch: u64) {
        self.last_session_epoch.fetch_max(epoch, Ordering::AcqRel);
    }

    /// Whether a session was found here in this epoch. If so, the partition has a sequence, and the feed knows it.
    pub(crate) fn has_session(&self) -> bool {
        self.last_session_epoch.load(Ordering::Acquire) == self.epoch.number()
    }

    /// Counts one more copy; true if it is the first.
    pub(crate) fn add_copy(&self) -> bool {
        self.copies.fetch_add(1, Ordering::AcqRel) == 0
    }

    pub(crate) fn remove_copy(&self) {
        self.copies.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn copies(&self) -> usize {
        self.copies.load(Ordering::Acquire)
    }
}
