//! Eviction policies: which copies stay when there is no room for all.

use moka::{notification::RemovalCause, policy::EvictionPolicy};
use session_core::model::IdDigest;

use crate::{capacity::Capacity, hash::ByDigest};

/// Which copies are evicted when there is no room for another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Eviction {
    /// The least recently used copies (LRU). A session is used for a while and then no more, so the sessions used last
    /// are those that will be used next.
    #[default]
    LeastRecent,
    /// The least frequently used copies, newer ones first (moka's TinyLFU). It suits traffic in which the same sessions
    /// return for ever and should not be evicted by the many that are used once. There it finds a few per cent more with
    /// a quarter of the room that all sessions would need. Where sessions are short it keeps sessions that are not
    /// used again: with a shop's traffic it lost two fifths of the hits of `LeastRecent` (benches/README.md has both).
    LeastFrequent,
}

/// Evicts one copy. A policy calls it from its own methods, and no partition may be locked then.
pub(crate) type Evict = Box<dyn Fn(&IdDigest) + Send + Sync>;

/// Decides which copies stay. It knows digests and weights; the copies themselves are in the cache's map.
pub(crate) trait Policy: Send + Sync {
    /// A copy was used.
    fn record_use(&self, digest: &IdDigest);

    /// A copy was installed. The policy may evict others, or this one.
    fn insert(&self, digest: IdDigest, weight: u32);

    /// A copy was removed.
    fn remove(&self, digest: &IdDigest);

    #[cfg(test)]
    fn contains(&self, digest: &IdDigest) -> bool;
}

/// The policy for a capacity.
pub(crate) fn policy(capacity: Capacity, eviction: Eviction, evict: Evict) -> Box<dyn Policy> {
    if capacity.total() == 0 {
        return Box::new(EvictAll(evict));
    }
    Box::new(MokaPolicy::new(capacity, eviction, evict))
}

/// moka decides.
struct MokaPolicy(moka::sync::Cache<IdDigest, u32, ByDigest>);

impl MokaPolicy {
    fn new(capacity: Capacity, eviction: Eviction, evict: Evict) -> Self {
        let cache = moka::sync::Cache::builder().max_capacity(capacity.total());
        // A capacity in entries gets no weigher: with one, moka accounts differently and chooses worse.
        let cache = if capacity.is_in_bytes() { cache.weigher(|_, weight| *weight) } else { cache };
        let cache = cache
            .eviction_policy(match eviction {
                Eviction::LeastRecent => EvictionPolicy::lru(),
                Eviction::LeastFrequent => EvictionPolicy::tiny_lfu(),
            })
            // Removals and replacements come from the cache itself, which knows of them.
            .eviction_listener(move |digest, _, cause| {
                if cause == RemovalCause::Size {
                    evict(&digest);
                }
            });
        Self(cache.build_with_hasher(ByDigest::default()))
    }
}

impl Policy for MokaPolicy {
    fn record_use(&self, digest: &IdDigest) {
        let _ = self.0.get(digest);
    }

    fn insert(&self, digest: IdDigest, weight: u32) {
        // A caller asked for this session and missed. moka has to see that miss, or it takes a session that is asked for
        // again and again for a new one each time.
        if !self.0.contains_key(&digest) {
            let _ = self.0.get(&digest);
        }
        self.0.insert(digest, weight);
    }

    fn remove(&self, digest: &IdDigest) {
        self.0.invalidate(digest);
    }

    #[cfg(test)]
    fn contains(&self, digest: &IdDigest) -> bool {
        self.0.contains_key(digest)
    }
}

/// Keeps nothing. moka with a capacity of zero evicts nothing either.
struct EvictAll(Evict);

impl Policy for EvictAll {
    fn record_use(&self, _: &IdDigest) {}

    fn insert(&self, digest: IdDigest, _: u32) {
        (self.0)(&digest);
    }

    fn remove(&self, _: &IdDigest) {}

    #[cfg(test)]
    fn contains(&self, _: &IdDigest) -> bool {
        false
    }
}
