//! The builder of a tiered store.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use session_core::{Clock, SystemClock, store::SessionStore};
use tokio::sync::Semaphore;

use crate::{
    breaker::Breaker,
    capacity::Capacity,
    defaults,
    lease::LeaseTerm,
    local_cache::{LocalCache, Rules},
    policy::Eviction,
    store::TieredStore,
    tiers::Tiers,
    touches::Touches,
};

impl<R: SessionStore + 'static> TieredStore<R> {
    /// A cache with default settings.
    pub fn new(remote: R) -> Self {
        Self::builder(remote).build()
    }

    /// A builder for a cache with other settings.
    pub fn builder(remote: R) -> TieredStoreBuilder<R> {
        TieredStoreBuilder::new(remote)
    }
}

/// The settings of a [`TieredStore`]. Each has a default; [`defaults`] lists them in one table.
#[derive(Debug)]
#[must_use]
pub struct TieredStoreBuilder<R> {
    remote: R,
    clock: Option<Arc<dyn Clock>>,
    max_staleness: Duration,
    max_age: Duration,
    heartbeat: Option<Duration>,
    capacity: Capacity,
    eviction: Eviction,
    max_copy: Option<u64>,
    absent_capacity: u64,
    first_loads: usize,
    revalidations: usize,
    breaker: (u32, Duration),
    self_check: Option<Duration>,
}

impl<R: SessionStore + 'static> TieredStoreBuilder<R> {
    fn new(remote: R) -> Self {
        Self {
            remote,
            clock: None,
            max_staleness: defaults::MAX_STALENESS,
            max_age: defaults::MAX_AGE,
            heartbeat: None,
            capacity: defaults::CAPACITY,
            eviction: defaults::EVICTION,
            max_copy: None,
            absent_capacity: defaults::ABSENT_CAPACITY,
            first_loads: defaults::FIRST_LOADS,
            revalidations: defaults::REVALIDATIONS,
            breaker: (defaults::BREAKER_FAILURES, defaults::BREAKER_PAUSE),
            self_check: Some(defaults::SELF_CHECK),
        }
    }

    /// The staleness bound: no load is answered locally from a state that was replaced longer ago than this, whatever the
    /// network does. A shorter bound costs more heartbeats, and a shorter outage of the feed sends all loads to the store.
    /// With less than a millisecond no load is answered locally, and no heartbeats are sent.
    pub fn max_staleness(self, bound: Duration) -> Self {
        Self { max_staleness: bound, ..self }
    }

    /// No copy is served for longer than this without the store having vouched for it. A shorter age costs more conditional
    /// loads.
    pub fn max_age(self, age: Duration) -> Self {
        Self { max_age: age, ..self }
    }

    /// The interval of heartbeats, which are sent where there are copies. By default a quarter of `max_staleness`. With a
    /// longer interval fewer requests are sent, but a late answer costs the lease sooner.
    pub fn heartbeat(self, interval: Duration) -> Self {
        Self { heartbeat: Some(interval), ..self }
    }

    /// How much the cache keeps. With less, more loads go to the store.
    pub fn capacity(self, capacity: Capacity) -> Self {
        Self { capacity, ..self }
    }

    /// Which copies are evicted when there is no room for another.
    pub fn eviction(self, eviction: Eviction) -> Self {
        Self { eviction, ..self }
    }

    /// The size of the largest copy, in bytes as [`Capacity::bytes`] counts them. A session that needs a larger one is not
    /// kept, so that few clients with large sessions cannot displace the copies of many others. Its loads go to the store.
    /// The default depends on the [capacity](Self::capacity). If that is in bytes, it is a 256th of it, and at least
    /// [`MAX_COPY`](defaults::MAX_COPY). If it is in entries, there is no limit.
    pub fn max_copy(self, bytes: u64) -> Self {
        Self { max_copy: Some(bytes), ..self }
    }

    /// How many ids without a session the cache remembers. This budget is separate: absent ids never displace a session.
    pub fn absent_capacity(self, ids: u64) -> Self {
        Self { absent_capacity: ids, ..self }
    }

    /// How many loads of ids without a copy are sent to the store at the same time. Further ones are refused at once, with
    /// [`Overloaded`](session_core::ErrorKind::Overloaded), so that a flood of ids that were never issued leaves the store to
    /// sessions with a copy, writes and heartbeats. Callers that load one id at the same time share one load.
    ///
    /// Every session is without a copy when a node has just started, when its copy was displaced, and if it is [too
    /// large](Self::max_copy) for one. An id that forwards is too. The default is a quarter of the calls that the Redis store
    /// has in flight to one primary: if you change that number, change this one too.
    pub fn first_loads(self, concurrent: usize) -> Self {
        Self { first_loads: concurrent, ..self }
    }

    /// How many copies are revalidated with the store at the same time. With more, a store that recovers from an outage gets
    /// more requests at once.
    pub fn revalidations(self, concurrent: usize) -> Self {
        Self { revalidations: concurrent, ..self }
    }

    /// The circuit breaker: after `failures` unanswered calls in a row, calls fail at once for `pause`; then one call at a
    /// time is let through until one is answered. A [refusal](session_core::Error::is_answered) is an answer: a store that is
    /// out of memory still answers reads and logouts. With fewer failures, a short outage also fails calls that would have
    /// been answered.
    pub fn breaker(self, failures: u32, pause: Duration) -> Self {
        Self { breaker: (failures, pause), ..self }
    }

    /// How often a copy that is being served is compared with the store in the background; `None` for never. A comparison
    /// loads the whole session.
    pub fn self_check(self, interval: Option<Duration>) -> Self {
        Self { self_check: interval, ..self }
    }

    /// The source of time. It must count the time for which the machine was suspended. The default is the
    /// [clock of the store](SessionStore::clock) behind the cache, or the machine's if that has none of this process.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Some(Arc::new(clock)), ..self }
    }

    /// Builds the store. It starts no task: the first call starts the listener.
    pub fn build(self) -> TieredStore<R> {
        let rules = Rules {
            term: LeaseTerm::new(self.max_staleness),
            max_age: u64::try_from(self.max_age.as_millis()).unwrap_or(u64::MAX),
            sessions: self.capacity,
            max_copy: self.max_copy.unwrap_or_else(|| self.capacity.max_copy()),
            eviction: self.eviction,
            absent: Capacity::entries(self.absent_capacity),
        };
        let partitions = self.remote.feed().map_or(1, |feed| feed.partitions());
        // With a zero term the interval only serves to publish metrics.
        let bound = if rules.term.is_zero() { defaults::MAX_STALENESS } else { self.max_staleness };
        let check_every = self.self_check.map_or(0, |every| u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
        let clock = self.clock.or_else(|| self.remote.clock()).unwrap_or_else(|| Arc::new(SystemClock));
        TieredStore::from_tiers(Tiers {
            local: LocalCache::new(rules, partitions),
            clock,
            breaker: Breaker::new(self.breaker.0, self.breaker.1),
            heartbeat: self.heartbeat.unwrap_or(bound / defaults::BEATS).max(Duration::from_millis(1)),
            max_staleness: self.max_staleness,
            first_loads: Semaphore::new(self.first_loads.clamp(1, Semaphore::MAX_PERMITS)),
            revalidations: Semaphore::new(self.revalidations.clamp(1, Semaphore::MAX_PERMITS)),
            touches: Touches::default(),
            check_every,
            next_check: AtomicU64::new(0),
            revalidated: AtomicU64::new(0),
            remote: self.remote,
        })
    }
}
