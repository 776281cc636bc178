//! The counters of a cache.

use std::{
    cell::Cell,
    fmt,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// The counters of a [`TieredStore`](crate::TieredStore) since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Loads that were answered locally.
    pub hits: u64,
    /// Loads that went to the store, or joined a load in flight.
    pub misses: u64,
    /// Loads that joined another caller's load of the same session.
    pub joined: u64,
    /// Changes that were applied to a copy in place.
    pub patched: u64,
    /// Copies that were dropped because their session ended or moved, a change could not be applied to
    /// them, or the outcome of a write is unknown.
    pub evicted: u64,
    /// Copies that made room for others.
    pub displaced: u64,
    /// Copies that were not kept, or were dropped, because they were too large.
    pub oversized: u64,
    /// Copies that the store found unchanged and vouched for again.
    pub revalidated: u64,
    /// Fills that were not installed, because a newer state became known while they were in flight or an epoch ended.
    pub fills_rejected: u64,
    /// Fills that were not installed because their session ended while they were in flight.
    pub resurrections_refused: u64,
    /// Gaps that the feed reported.
    pub gaps: u64,
    /// Epochs that ended. Each is of one partition.
    pub epochs_ended: u64,
    /// Loads that found a copy without a valid lease.
    pub lease_losses: u64,
    /// How often the store was found to have lost acknowledged writes that this node had made or received.
    pub history_lost: u64,
    /// Loads whose floor was above what the store has. Either the store has lost acknowledged writes, or the floor never
    /// was a state of the session: one that came back from a client may be forged.
    pub floors_unmet: u64,
    /// Stale answers, given because the store did not answer, or refused to, and the caller allowed them.
    pub served_stale: u64,
    /// Calls that failed at once because the store had not answered the calls before.
    pub broken_circuits: u64,
    /// Loads of ids without a copy that were refused because too many were in flight.
    pub first_loads_refused: u64,
    /// Heartbeats that were sent.
    pub heartbeats: u64,
    /// Copies that were compared with the store in the background.
    pub self_checks: u64,
    /// Copies that were still being served `max_staleness` after the store had answered with another stamp, or had another
    /// state than the store under its stamp. Must be zero.
    pub violations: u64,
    /// A histogram of hits by the time since the last heartbeat was sent, in sixteenths of `max_staleness`. That time is an
    /// upper bound of the staleness of the answer.
    pub staleness: [u64; STEPS],
}

/// Steps of the staleness histogram.
pub(crate) const STEPS: usize = 16;

/// Threads count their hits in separate stripes, so that they do not contend for cache lines.
pub(crate) const STRIPES: usize = 16;

#[derive(Default)]
#[repr(align(128))]
struct Stripe([AtomicU64; STEPS]);

macro_rules! counters {
    ($($name:ident)*) => {
        /// The live counters.
        #[derive(Default)]
        pub(crate) struct Counters {
            hits: [Stripe; STRIPES],
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Stats {
                let mut stats = Stats { $($name: self.$name.get(),)* ..Stats::default() };
                for stripe in &self.hits {
                    for (sum, count) in stats.staleness.iter_mut().zip(&stripe.0) {
                        *sum += count.load(Relaxed);
                    }
                }
                stats.hits = stats.staleness.iter().sum();
                stats
            }
        }

        impl Stats {
            /// Every counter by its name, without the histogram.
            #[cfg(feature = "metrics")]
            pub(crate) fn named(&self) -> Vec<(&'static str, u64)> {
                vec![("hits", self.hits), $((stringify!($name), self.$name),)*]
            }
        }
    };
}

counters! {
    misses joined patched evicted displaced oversized revalidated fills_rejected resurrections_refused gaps epochs_ended
    lease_losses history_lost floors_unmet served_stale broken_circuits first_loads_refused heartbeats self_checks
    violations
}

/// One counter.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

thread_local! {
    static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// The stripe of the calling thread.
pub(crate) fn stripe() -> usize {
    STRIPE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(THREADS.fetch_add(1, Relaxed) % STRIPES);
        }
        mine.get()
    })
}

impl Counters {
    /// Counts a hit in a step of the histogram.
    pub(crate) fn hit(&self, step: usize) {
        self.hits[stripe()].0[step.min(STEPS - 1)].fetch_add(1, Relaxed);
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}
