//! Eviction: keeps one kind of copies within its capacity.
//!
//! The copies are in a concurrent map whose reads cost a fraction of moka's; moka only decides which of them stay. A hit
//! records its use in a log. The next thread that installs a copy passes the logged uses on to the policy.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use session_core::model::IdDigest;

use crate::{
    capacity::Capacity,
    policy::{Evict, Eviction, Policy, policy},
    stats::stripe,
    usage::UsageLog,
};

/// Decides about one kind of copies.
pub(crate) struct Evictor {
    capacity: Capacity,
    policy: Box<dyn Policy>,
    usage: UsageLog,
    /// The stripe of the usage log that the next insert reads besides its own.
    next_stripe: AtomicUsize,
}

impl Evictor {
    pub(crate) fn new(capacity: Capacity, eviction: Eviction, evict: Evict) -> Self {
        let policy = policy(capacity, eviction, evict);
        Self { capacity, policy, usage: UsageLog::default(), next_stripe: AtomicUsize::new(0) }
    }

    /// A copy of this size was installed. The policy may evict others, or this one.
    pub(crate) fn insert(&self, digest: IdDigest, bytes: u32) {
        // The uses of this thread, and in turn those of the others: some threads may only ever hit.
        for stripe in [stripe(), self.next_stripe.fetch_add(1, Ordering::Relaxed)] {
            self.usage.drain(stripe).iter().for_each(|used| self.policy.record_use(used));
        }
        self.policy.insert(digest, self.capacity.weight(bytes));
    }

    /// A copy was used.
    pub(crate) fn record_use(&self, digest: &IdDigest) {
        self.usage.record(digest);
    }

    /// A copy was removed.
    pub(crate) fn remove(&self, digest: &IdDigest) {
        self.policy.remove(digest);
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, digest: &IdDigest) -> bool {
        self.policy.contains(digest)
    }
}

impl fmt::Debug for Evictor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evictor").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
