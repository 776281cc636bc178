//! The two tiers, and what their operations share.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use session_core::{Clock, Error};
use tokio::sync::Semaphore;

use crate::{breaker::Breaker, local_cache::LocalCache, touches::Touches};

/// A store and the local cache in front of it. All handles of one tiered store share it.
pub(crate) struct Tiers<R> {
    pub(crate) remote: R,
    pub(crate) local: Arc<LocalCache>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) breaker: Breaker,
    pub(crate) heartbeat: Duration,
    pub(crate) max_staleness: Duration,
    /// Permits for loads of ids without a copy.
    pub(crate) first_loads: Semaphore,
    /// Permits for revalidations of copies.
    pub(crate) revalidations: Semaphore,
    pub(crate) touches: Touches,
    /// The interval of self-checks in milliseconds; zero for none.
    pub(crate) check_every: u64,
    /// When the next self-check is due.
    pub(crate) next_check: AtomicU64,
    /// The revalidations that were sent.
    pub(crate) revalidated: AtomicU64,
}

impl<R> Tiers<R> {
    /// Sends a request to the store, unless the circuit is open.
    pub(crate) async fn ask<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.breaker.call(&*self.clock, &self.local.counters.broken_circuits, call).await
    }
}
