//! What all handles of one tiered store share.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use parking_lot::Mutex;
use session_core::{Clock, Error, model::IdDigest};
use tokio::sync::Semaphore;

use crate::{breaker::Breaker, hash::ByDigest, local::Local, touches::Touching};

/// A store and the local cache in front of it.
pub(crate) struct Inner<R> {
    pub(crate) remote: R,
    pub(crate) local: Arc<Local>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) breaker: Breaker,
    pub(crate) heartbeat: Duration,
    pub(crate) max_staleness: Duration,
    /// Leave to ask the store about copies of ended epochs.
    pub(crate) revalidations: Semaphore,
    pub(crate) touches: Mutex<HashMap<IdDigest, Touching, ByDigest>>,
    /// How often a copy is compared with the store, in milliseconds, and when the next one is; zero for never.
    pub(crate) check_every: u64,
    pub(crate) next_check: AtomicU64,
}

impl<R> Inner<R> {
    /// Asks the store, unless it has not answered for a while.
    pub(crate) async fn ask<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.breaker.call(&*self.clock, &self.local.counters.broken_circuits, call).await
    }
}
