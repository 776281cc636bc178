//! What stays in the local cache and what goes.
//!
//! moka decides, by its TinyLFU policy; the copies themselves are elsewhere, in a map whose reads cost a fraction of
//! moka's. moka is told of installs, and of uses only now and then: how often each copy is used within a tenth of a
//! second makes no difference to what is worth keeping.

use moka::notification::RemovalCause;
use session_core::IdDigest;

use crate::hash::ByDigest;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity(Measure);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    Entries(u64),
    Bytes(u64),
}

impl Capacity {
    /// So many sessions, however large.
    pub const fn entries(count: u64) -> Self {
        Self(Measure::Entries(count))
    }

    /// So many bytes: names, keys and values, and an estimate of what a copy takes besides.
    pub const fn bytes(count: u64) -> Self {
        Self(Measure::Bytes(count))
    }

    fn total(self) -> u64 {
        match self.0 {
            Measure::Entries(count) | Measure::Bytes(count) => count,
        }
    }

    fn weight(self, bytes: u32) -> u32 {
        match self.0 {
            Measure::Entries(_) => 1,
            Measure::Bytes(_) => bytes,
        }
    }
}

/// Is told when a copy has to go. Called outside all locks of the copies.
pub(crate) type Evict = Box<dyn Fn(&IdDigest) + Send + Sync>;

/// Decides about one sort of copies.
pub(crate) struct Keeper {
    capacity: Capacity,
    policy: Policy,
}

enum Policy {
    TinyLfu(moka::sync::Cache<IdDigest, u32, ByDigest>),
    /// Where nothing is to be kept, moka does nothing at all, and lets nothing go either.
    Nothing(Evict),
    #[cfg(feature = "simulation")]
    FirstInFirstOut(crate::queue_policy::QueuePolicy),
}

impl Keeper {
    pub(crate) fn new(capacity: Capacity, evict: Evict) -> Self {
        if capacity.total() == 0 {
            return Self { capacity, policy: Policy::Nothing(evict) };
        }
        let policy = moka::sync::Cache::builder()
            .max_capacity(capacity.total())
            .weigher(|_, weight| *weight)
            // What is removed or replaced is removed or replaced by us.
            .eviction_listener(move |digest, _, cause| {
                if cause == RemovalCause::Size {
                    evict(&digest);
                }
            })
            .build_with_hasher(ByDigest::default());
        Self { capacity, policy: Policy::TinyLfu(policy) }
    }

    /// One that does the same each time.
    #[cfg(feature = "simulation")]
    pub(crate) fn first_in_first_out(capacity: Capacity, evict: Evict) -> Self {
        let policy = crate::queue_policy::QueuePolicy::new(capacity.total(), evict);
        Self { capacity, policy: Policy::FirstInFirstOut(policy) }
    }

    /// A copy of so many bytes was installed. Others may have to go, or this one.
    pub(crate) fn keep(&self, digest: IdDigest, bytes: u32) {
        let weight = self.capacity.weight(bytes);
        match &self.policy {
            Policy::TinyLfu(cache) => cache.insert(digest, weight),
            Policy::Nothing(evict) => evict(&digest),
            #[cfg(feature = "simulation")]
            Policy::FirstInFirstOut(queue) => queue.insert(digest, weight),
        }
    }

    /// A copy was used.
    pub(crate) fn note(&self, digest: &IdDigest) {
        match &self.policy {
            Policy::TinyLfu(cache) => drop(cache.get(digest)),
            Policy::Nothing(_) => {}
            #[cfg(feature = "simulation")]
            Policy::FirstInFirstOut(_) => {}
        }
    }

    #[cfg(test)]
    pub(crate) fn knows(&self, digest: &IdDigest) -> bool {
        match &self.policy {
            Policy::TinyLfu(cache) => cache.contains_key(digest),
            Policy::Nothing(_) => false,
            #[cfg(feature = "simulation")]
            Policy::FirstInFirstOut(_) => true,
        }
    }

    /// A copy is gone.
    pub(crate) fn forget(&self, digest: &IdDigest) {
        match &self.policy {
            Policy::TinyLfu(cache) => cache.invalidate(digest),
            Policy::Nothing(_) => {}
            #[cfg(feature = "simulation")]
            Policy::FirstInFirstOut(queue) => queue.remove(digest),
        }
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
