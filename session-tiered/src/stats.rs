//! What the cache went through.

use std::{
    cell::Cell,
    fmt,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// What a [`TieredStore`](crate::TieredStore) went through since it was built. All are counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Loads that were answered locally.
    pub hits: u64,
    /// Loads that the store was asked for, or that joined one.
    pub misses: u64,
    /// Loads that joined another caller's load of the same session.
    pub joined: u64,
    /// Copies that a change was applied to in place: they stayed.
    pub patched: u64,
    /// Copies that were dropped since a change could not be applied to them.
    pub evicted: u64,
    /// Copies that had to go for others.
    pub displaced: u64,
    /// Copies that the store has vouched for again.
    pub revalidated: u64,
    /// Fills that were not installed: something newer was heard while they were in flight, or an epoch had ended.
    pub fills_rejected: u64,
    /// Fills that were not installed since their session had ended while they were in flight.
    pub resurrections_refused: u64,
    /// Gaps that the feed reported.
    pub gaps: u64,
    /// Epochs that ended, each of one partition.
    pub epochs_ended: u64,
    /// Loads that found a copy whose lease had run out.
    pub lease_losses: u64,
    /// Times that the store was found to have lost what it had acknowledged.
    pub history_lost: u64,
    /// Stale answers that were given since the store did not answer and the caller allowed it.
    pub served_stale: u64,
    /// Calls that were refused at once since the store had not answered the ones before.
    pub broken_circuits: u64,
    /// Heartbeats that were sent.
    pub heartbeats: u64,
    /// Copies that were compared with the store in the background.
    pub self_checks: u64,
    /// Copies that were still served `max_staleness` after the store had answered with another stamp. Must be zero.
    pub violations: u64,
    /// How many hits were answered so long after the last heartbeat was sent, in sixteenths of `max_staleness`: an
    /// upper bound of how stale each answer can have been.
    pub staleness: [u64; STEPS],
}

/// Steps of the histogram of staleness.
pub(crate) const STEPS: usize = 16;

/// Threads write down their hits apart, so that they do not wait for each other's cache lines.
pub(crate) const STRIPES: usize = 16;

#[derive(Default)]
#[repr(align(128))]
struct Stripe([AtomicU64; STEPS]);

macro_rules! counters {
    ($($name:ident)*) => {
        /// The counters themselves.
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
            /// Every count by its name, but the histogram.
            #[cfg(feature = "metrics")]
            pub(crate) fn named(&self) -> Vec<(&'static str, u64)> {
                vec![("hits", self.hits), $((stringify!($name), self.$name),)*]
            }
        }
    };
}

counters! {
    misses joined patched evicted displaced revalidated fills_rejected resurrections_refused gaps epochs_ended
    lease_losses history_lost served_stale broken_circuits heartbeats self_checks violations
}

/// One count.
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

/// The calling thread's.
pub(crate) fn stripe() -> usize {
    STRIPE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(THREADS.fetch_add(1, Relaxed) % STRIPES);
        }
        mine.get()
    })
}

impl Counters {
    /// A hit, so many sixteenths of the bound after the heartbeat.
    pub(crate) fn hit(&self, step: usize) {
        self.hits[stripe()].0[step.min(STEPS - 1)].fetch_add(1, Relaxed);
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}
