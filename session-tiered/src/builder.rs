//! Everything that can be set.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use session_core::{Clock, SystemClock, store::SessionStore};
use tokio::sync::Semaphore;

use crate::{
    Capacity, Eviction, TieredStore,
    breaker::Breaker,
    defaults,
    inner::Inner,
    lease::Term,
    local::{Local, Rules},
};

/// Settings of a [`TieredStore`]. Each has a default; [`defaults`] has them in one table.
#[derive(Debug)]
#[must_use]
pub struct TieredStoreBuilder<R> {
    remote: R,
    clock: Arc<dyn Clock>,
    max_staleness: Duration,
    max_age: Duration,
    heartbeat: Option<Duration>,
    capacity: Capacity,
    eviction: Eviction,
    absent_capacity: u64,
    revalidations: usize,
    breaker: (u32, Duration),
    self_check: Option<Duration>,
    #[cfg(feature = "simulation")]
    simulation: crate::local::Simulation,
}

impl<R: SessionStore + 'static> TieredStoreBuilder<R> {
    pub(crate) fn new(remote: R) -> Self {
        Self {
            remote,
            clock: Arc::new(SystemClock),
            max_staleness: defaults::MAX_STALENESS,
            max_age: defaults::MAX_AGE,
            heartbeat: None,
            capacity: defaults::CAPACITY,
            eviction: defaults::EVICTION,
            absent_capacity: defaults::ABSENT_CAPACITY,
            revalidations: defaults::REVALIDATIONS,
            breaker: (defaults::BREAKER_FAILURES, defaults::BREAKER_PAUSE),
            self_check: Some(defaults::SELF_CHECK),
            #[cfg(feature = "simulation")]
            simulation: crate::local::Simulation::default(),
        }
    }

    /// No load is answered locally from a state that was replaced longer ago than this, whatever the network does.
    /// Shorter: more heartbeats, and a shorter outage of the feed makes all loads go to the store. Less than a
    /// millisecond: no load is answered locally, and there are no heartbeats.
    pub fn max_staleness(self, bound: Duration) -> Self {
        Self { max_staleness: bound, ..self }
    }

    /// No copy is served for longer than this without the store having vouched for it. Shorter: more conditional loads.
    pub fn max_age(self, age: Duration) -> Self {
        Self { max_age: age, ..self }
    }

    /// How often the store is asked for a sign of life, where there are copies. By default a quarter of
    /// `max_staleness`. Longer: fewer requests, and one that is late is sooner missed.
    pub fn heartbeat(self, interval: Duration) -> Self {
        Self { heartbeat: Some(interval), ..self }
    }

    /// How much is kept. Less: more loads go to the store.
    pub fn capacity(self, capacity: Capacity) -> Self {
        Self { capacity, ..self }
    }

    /// Which copies go when there is no room for another.
    pub fn eviction(self, eviction: Eviction) -> Self {
        Self { eviction, ..self }
    }

    /// How many ids without a session are remembered as such. They have this budget of their own and never displace a
    /// session.
    pub fn absent_capacity(self, ids: u64) -> Self {
        Self { absent_capacity: ids, ..self }
    }

    /// How many copies of ended epochs are compared with the store at the same time. More: a store that comes back
    /// after an outage gets more requests at once.
    pub fn revalidations(self, at_once: usize) -> Self {
        Self { revalidations: at_once, ..self }
    }

    /// After so many unanswered calls in a row, all calls fail at once for this pause; then single ones are let through
    /// until one is answered. Fewer: a short outage is noticed by calls that would have been answered.
    pub fn breaker(self, failures: u32, pause: Duration) -> Self {
        Self { breaker: (failures, pause), ..self }
    }

    /// How often a copy that is served is compared with the store in the background; `None` for never.
    pub fn self_check(self, interval: Option<Duration>) -> Self {
        Self { self_check: interval, ..self }
    }

    /// Where time comes from. It must count the time for which the machine was suspended.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Breaks a mechanism, to see that the tests notice.
    #[cfg(feature = "simulation")]
    pub fn mutant(mut self, mutant: crate::Mutant) -> Self {
        self.simulation.mutant = Some(mutant);
        self
    }

    /// Copies go in the order in which they came. moka, which decides otherwise, has a clock and threads of its own,
    /// so that no run is like another.
    #[cfg(feature = "simulation")]
    pub fn first_in_first_out(mut self) -> Self {
        self.simulation.first_in_first_out = true;
        self
    }

    /// The store. It starts nothing: the first call starts the listener.
    pub fn build(self) -> TieredStore<R> {
        let rules = Rules {
            term: Term::of(self.max_staleness),
            max_age: u64::try_from(self.max_age.as_millis()).unwrap_or(u64::MAX),
            sessions: self.capacity,
            eviction: self.eviction,
            absent: Capacity::entries(self.absent_capacity),
            #[cfg(feature = "simulation")]
            simulation: self.simulation,
        };
        let partitions = self.remote.feed().map_or(1, |feed| feed.partitions());
        // Where no load is answered locally, it is only time for counts to be published.
        let bound = if rules.term.is_nothing() { defaults::MAX_STALENESS } else { self.max_staleness };
        let check_every = self.self_check.map_or(0, |every| u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
        TieredStore::of(Inner {
            local: Local::new(rules, partitions),
            clock: self.clock,
            breaker: Breaker::new(self.breaker.0, self.breaker.1),
            heartbeat: self.heartbeat.unwrap_or(bound / defaults::BEATS).max(Duration::from_millis(1)),
            max_staleness: self.max_staleness,
            revalidations: Semaphore::new(self.revalidations.clamp(1, Semaphore::MAX_PERMITS)),
            touches: parking_lot::Mutex::default(),
            check_every,
            next_check: AtomicU64::new(0),
            remote: self.remote,
        })
    }
}
