//! Changes to the copies of one partition, under its lock.

use std::mem;

use parking_lot::MutexGuard;
use session_core::model::{IdDigest, Stamp};

use crate::{
    copy::Copy,
    local_cache::LocalCache,
    partition::{Partition, PartitionState},
};

/// Holds the lock of one partition.
///
/// Dropping it releases the lock and then reports the changes to the evictors. They may evict other copies in turn, which
/// takes the lock again. Fields drop in the order of their declaration, so `state` must come before `changes`.
pub(crate) struct PartitionGuard<'a> {
    pub(crate) local: &'a LocalCache,
    pub(crate) partition: &'a Partition,
    pub(crate) state: MutexGuard<'a, PartitionState>,
    changes: Changes<'a>,
}

/// Changes that the evictors do not know yet. Reports them when dropped.
struct Changes<'a> {
    local: &'a LocalCache,
    /// Copies that were installed: digest, weight, and whether it is a session.
    installed: Vec<(IdDigest, u32, bool)>,
    /// Copies that were removed: digest, and whether it was a session.
    removed: Vec<(IdDigest, bool)>,
}

impl LocalCache {
    /// Locks the partition of a session.
    pub(crate) fn lock(&self, digest: &IdDigest) -> PartitionGuard<'_> {
        let partition = self.partition(digest);
        let changes = Changes { local: self, installed: Vec::new(), removed: Vec::new() };
        PartitionGuard { local: self, partition, state: partition.lock(), changes }
    }

    /// Removes a copy at its evictor's request, if it is still of the evictor's kind.
    pub(crate) fn displace(&self, digest: &IdDigest, is_session: bool) {
        let mut guard = self.lock(digest);
        if guard.peek(digest, Copy::is_session) == Some(is_session) {
            // The evictor that asked for it knows already.
            guard.detach(digest);
            self.counters.displaced.count();
        }
    }
}

impl PartitionGuard<'_> {
    /// Reads from a copy.
    pub(crate) fn peek<T>(&self, digest: &IdDigest, read: impl FnOnce(&Copy) -> T) -> Option<T> {
        self.local.copies.pin().get(digest).map(read)
    }

    pub(crate) fn stamp(&self, digest: &IdDigest) -> Option<Stamp> {
        self.peek(digest, Copy::stamp).flatten()
    }

    /// Installs a copy, unless it is too large. Then there is none any more, as if it was displaced at once.
    pub(crate) fn insert(&mut self, digest: IdDigest, mut copy: Copy) {
        let (weight, is_session) = (copy.weight(), copy.is_session());
        if is_session && u64::from(weight) > self.local.rules.max_copy {
            self.local.counters.oversized.count();
            self.remove(&digest);
            return;
        }
        // A patched copy usually keeps about its size, and then its evictor need not be called.
        let reported = self.peek(&digest, |old| (old.is_session(), old.reported_weight));
        let reported = reported
            .filter(|(was_session, known)| *was_session == is_session && known.abs_diff(weight) <= known / 8)
            .map(|(_, known)| known);
        copy.reported_weight = reported.unwrap_or(weight);
        self.clear_location(&digest);
        if let Some(stamp) = copy.stamp() {
            self.state.locations.insert(stamp.incarnation(), digest);
            self.partition.record_session(copy.provenance.epoch);
        }
        let copies = self.local.copies.pin();
        let replaced = copies.insert(digest, copy).map(Copy::is_session);
        // A copy of the other kind leaves the other evictor, which would count it for ever.
        self.changes.removed.extend(replaced.filter(|was_session| *was_session != is_session).map(|was| (digest, was)));
        let is_first = replaced.is_none() && self.partition.add_copy();
        if is_first || self.partition.lease.is_missing() {
            self.local.lease_needed.notify_one();
        }
        if reported.is_none() {
            self.changes.installed.push((digest, weight, is_session));
        }
    }

    /// Removes a copy; true if there was one.
    pub(crate) fn remove(&mut self, digest: &IdDigest) -> bool {
        let Some(was_session) = self.detach(digest) else { return false };
        self.changes.removed.push((*digest, was_session));
        true
    }

    /// Removes a copy without a report to its evictor; whether it was a session.
    fn detach(&mut self, digest: &IdDigest) -> Option<bool> {
        self.clear_location(digest);
        let was_session = self.local.copies.pin().remove(digest).map(Copy::is_session)?;
        self.partition.remove_copy();
        Some(was_session)
    }

    /// The digest at which this session's copy is.
    pub(crate) fn location(&self, stamp: Stamp) -> Option<IdDigest> {
        self.state.locations.get(&stamp.incarnation()).copied()
    }

    /// No fill in flight may install an older state than this.
    pub(crate) fn raise_floor(&mut self, digest: &IdDigest, stamp: Stamp) {
        if let Some(fill) = self.state.fills.get_mut(digest) {
            fill.floor.raise(stamp);
        }
    }

    /// The session has ended or has left this digest: evicts its copy and bars fills in flight.
    pub(crate) fn evict_ended(&mut self, digest: &IdDigest) {
        if let Some(fill) = self.state.fills.get_mut(digest) {
            fill.floor.end();
        }
        if self.remove(digest) {
            self.local.counters.evicted.count();
        }
    }

    /// Removes the copy of a session, wherever it is, if it is older than this stamp.
    pub(crate) fn remove_older(&mut self, stamp: Stamp) {
        if let Some(location) = self.location(stamp)
            && self.stamp(&location).is_some_and(|copy| copy != stamp && copy.version() <= stamp.version())
        {
            self.remove(&location);
        }
    }

    /// Removes the record of an absence.
    pub(crate) fn remove_absent(&mut self, digest: &IdDigest) {
        if self.peek(digest, Copy::is_session) == Some(false) {
            self.remove(digest);
        }
    }

    fn clear_location(&mut self, digest: &IdDigest) {
        if let Some(stamp) = self.stamp(digest)
            && self.state.locations.get(&stamp.incarnation()) == Some(digest)
        {
            self.state.locations.remove(&stamp.incarnation());
        }
    }
}

impl Changes<'_> {
    fn report(&mut self) {
        let local = self.local;
        for (digest, was_session) in mem::take(&mut self.removed) {
            local.evictor(was_session).remove(&digest);
            // Another thread may have installed a copy meanwhile, and reported it before this removal. A copy that its
            // evictor does not know would never be evicted; an entry without a copy leaves the evictor in time.
            let is_same_kind = |copy: &&Copy| copy.is_session() == was_session;
            let weight = local.copies.pin().get(&digest).filter(is_same_kind).map(Copy::weight);
            if let Some(weight) = weight {
                local.evictor(was_session).insert(digest, weight);
            }
        }
        for (digest, weight, is_session) in mem::take(&mut self.installed) {
            local.evictor(is_session).insert(digest, weight);
        }
    }
}

impl Drop for Changes<'_> {
    #[inline]
    fn drop(&mut self) {
        // A patch usually has nothing to report.
        if !self.removed.is_empty() || !self.installed.is_empty() {
            self.report();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use session_core::{SessionId, model::Timestamp};

    use super::*;
    use crate::{
        capacity::Capacity,
        copy::{Content, Provenance},
        lease::LeaseTerm,
        local_cache::Rules,
        policy::Eviction,
    };

    fn cache(absent: Capacity) -> (Arc<LocalCache>, IdDigest) {
        let rules = Rules {
            term: LeaseTerm::new(Duration::from_secs(1)),
            max_age: 60_000,
            sessions: Capacity::entries(10),
            max_copy: u64::MAX,
            absent,
            eviction: Eviction::default(),
        };
        (LocalCache::new(rules, 1), *SessionId::generate().unwrap().digest())
    }

    fn absent() -> Copy {
        let provenance = Provenance { asked_at: Timestamp::default(), store_now: Timestamp::default(), epoch: 1 };
        Copy::new(Content::Absent(None), provenance)
    }

    /// Evictors are called without the lock, so two threads may report in the other order. A copy that its evictor does
    /// not know would never be evicted.
    #[test]
    fn the_evictor_knows_every_copy() {
        let (local, digest) = cache(Capacity::entries(10));
        local.lock(&digest).insert(digest, absent());
        let mut first = local.lock(&digest);
        first.remove(&digest);
        let PartitionGuard { state, changes: late_report, .. } = first;
        drop(state);
        local.lock(&digest).insert(digest, absent());
        drop(late_report);
        assert!(local.copies.pin().contains_key(&digest));
        assert!(local.evictor(false).contains(&digest));
    }

    /// An evictor that evicts at once takes the lock that the insert has just held.
    #[test]
    fn evictors_are_called_without_the_lock() {
        let (local, digest) = cache(Capacity::entries(0));
        local.lock(&digest).insert(digest, absent());
        assert!(local.copies.pin().is_empty());
        assert_eq!(local.counters.snapshot().displaced, 1);
    }
}
