//! How many sessions and ended ids a store may hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use session_core::{Error, ErrorKind};

use crate::shard::SlotCounts;

/// The quotas of a store.
pub(crate) struct Quotas {
    /// Sessions, including expired ones and those being created.
    sessions: Quota,
    /// Tombstones and forwards, including ended ones.
    ended: Quota,
}

struct Quota {
    most: usize,
    used: AtomicUsize,
}

impl Quotas {
    pub(crate) fn new(sessions: usize, ended: usize) -> Self {
        let quota = |most| Quota { most, used: AtomicUsize::new(0) };
        Self { sessions: quota(sessions), ended: quota(ended) }
    }

    /// Reserves capacity for one more session. Returns false if there is none.
    pub(crate) fn reserve_session(&self) -> bool {
        let one_more = |used: usize| (used < self.sessions.most).then_some(used + 1);
        self.sessions.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    /// Whether a create may add a session that will leave a tombstone.
    pub(crate) fn has_room_for_create(&self) -> bool {
        self.ended.used.load(Ordering::Acquire) < self.ended.most
    }

    /// Whether a rotation may add a forward.
    pub(crate) fn has_room_for_rotation(&self) -> bool {
        self.ended.used.load(Ordering::Acquire) < self.ended.most.saturating_mul(2)
    }

    /// Counts what a step has changed in a shard, which had these counts, and room for `reserved` sessions, before.
    pub(crate) fn adjust(&self, before: SlotCounts, reserved: usize, after: SlotCounts) {
        self.sessions.adjust(before.sessions + reserved, after.sessions);
        self.ended.adjust(before.ended(), after.ended());
    }

    pub(crate) fn full_of_sessions(&self) -> Error {
        let message = format!("the store is full: it holds {} sessions, and none has expired", self.sessions.most);
        Error::new(ErrorKind::LimitExceeded, message)
    }

    pub(crate) fn full_of_ended(&self) -> Error {
        let message = format!(
            "the store is full: it remembers {} ended sessions or old ids",
            self.ended.used.load(Ordering::Acquire)
        );
        Error::new(ErrorKind::LimitExceeded, message)
    }
}

impl Quota {
    fn adjust(&self, before: usize, after: usize) {
        if after > before {
            self.used.fetch_add(after - before, Ordering::AcqRel);
        } else if before > after {
            self.used.fetch_sub(before - after, Ordering::AcqRel);
        }
    }
}
