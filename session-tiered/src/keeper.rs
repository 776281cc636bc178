//! What stays in the local cache and what goes.
//!
//! moka decides; the copies themselves are elsewhere, in a map whose reads cost a fraction of
//! moka's. A hit only writes down that it was one. moka is told of the latest of them when it has something to decide,
//! by whoever installs a copy.

use std::sync::atomic::{AtomicUsize, Ordering};

use moka::{notification::RemovalCause, policy::EvictionPolicy};
use session_core::model::IdDigest;

use crate::{hash::ByDigest, notes::Notes, stats::stripe};

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

    /// So many bytes of this process's memory: names, keys and values, and what a copy takes besides, which is estimated
    /// from what processes that held many of them were seen to take.
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

/// Which copies go when there is no room for another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// Those that were not used for longest (LRU). Sessions come, are used for a while and do not come back, so what was
    /// used last is what will be used next.
    #[default]
    LeastRecent,
    /// Those that were used least often, new ones before old ones (moka's TinyLFU). For where the same sessions come
    /// back for ever, and the many that are used once should not wash them out: there it finds a few per cent more with
    /// a quarter of the room that all would need. Where sessions are short it keeps what nobody comes back for: with a
    /// shop's traffic it lost two fifths of the hits of the other (benches/README.md has both).
    LeastFrequent,
}

/// Is told when a copy has to go. Called outside all locks of the copies.
pub(crate) type Evict = Box<dyn Fn(&IdDigest) + Send + Sync>;

/// Decides about one sort of copies.
pub(crate) struct Keeper {
    capacity: Capacity,
    policy: Policy,
    notes: Notes,
    /// Whose notes are read next.
    turn: AtomicUsize,
}

enum Policy {
    Moka(moka::sync::Cache<IdDigest, u32, ByDigest>),
    /// Where nothing is to be kept, moka does nothing at all, and lets nothing go either.
    Nothing(Evict),
    #[cfg(feature = "simulation")]
    FirstInFirstOut(crate::queue_policy::QueuePolicy),
}

impl Keeper {
    pub(crate) fn new(capacity: Capacity, eviction: Eviction, evict: Evict) -> Self {
        if capacity.total() == 0 {
            return Self {
                capacity,
                policy: Policy::Nothing(evict),
                notes: Notes::default(),
                turn: AtomicUsize::new(0),
            };
        }
        let policy = moka::sync::Cache::builder().max_capacity(capacity.total());
        // Not for entries: with a weigher moka keeps its books otherwise, and chooses worse.
        let policy = match capacity.0 {
            Measure::Entries(_) => policy,
            Measure::Bytes(_) => policy.weigher(|_, weight| *weight),
        };
        let policy = policy
            .eviction_policy(match eviction {
                Eviction::LeastRecent => EvictionPolicy::lru(),
                Eviction::LeastFrequent => EvictionPolicy::tiny_lfu(),
            })
            // What is removed or replaced is removed or replaced by us.
            .eviction_listener(move |digest, _, cause| {
                if cause == RemovalCause::Size {
                    evict(&digest);
                }
            })
            .build_with_hasher(ByDigest::default());
        Self::of(capacity, Policy::Moka(policy))
    }

    /// One that does the same each time.
    #[cfg(feature = "simulation")]
    pub(crate) fn first_in_first_out(capacity: Capacity, evict: Evict) -> Self {
        let policy = crate::queue_policy::QueuePolicy::new(capacity.total(), evict);
        Self::of(capacity, Policy::FirstInFirstOut(policy))
    }

    fn of(capacity: Capacity, policy: Policy) -> Self {
        Self { capacity, policy, notes: Notes::default(), turn: AtomicUsize::new(0) }
    }

    /// A copy of so many bytes was installed. Others may have to go, or this one.
    pub(crate) fn keep(&self, digest: IdDigest, bytes: u32) {
        let weight = self.capacity.weight(bytes);
        match &self.policy {
            Policy::Moka(cache) => {
                // What this thread has used, and, in turn, what the others have: some may only ever hit.
                for stripe in [stripe(), self.turn.fetch_add(1, Ordering::Relaxed)] {
                    self.notes.collect(stripe).iter().for_each(|used| _ = cache.get(used));
                }
                // Somebody wanted what was not there: without this, what is asked for time and again is taken for new.
                if !cache.contains_key(&digest) {
                    let _ = cache.get(&digest);
                }
                cache.insert(digest, weight);
            }
            Policy::Nothing(evict) => evict(&digest),
            #[cfg(feature = "simulation")]
            Policy::FirstInFirstOut(queue) => queue.insert(digest, weight),
        }
    }

    /// A copy was used.
    pub(crate) fn note(&self, digest: &IdDigest) {
        match &self.policy {
            Policy::Moka(_) => self.notes.add(digest),
            Policy::Nothing(_) => {}
            #[cfg(feature = "simulation")]
            Policy::FirstInFirstOut(_) => {}
        }
    }

    #[cfg(test)]
    pub(crate) fn knows(&self, digest: &IdDigest) -> bool {
        match &self.policy {
            Policy::Moka(cache) => cache.contains_key(digest),
            Policy::Nothing(_) => false,
            #[cfg(feature = "simulation")]
            Policy::FirstInFirstOut(_) => true,
        }
    }

    /// A copy is gone.
    pub(crate) fn forget(&self, digest: &IdDigest) {
        match &self.policy {
            Policy::Moka(cache) => cache.invalidate(digest),
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
