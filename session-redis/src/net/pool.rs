//! Connections beside a link, for requests that block the connection they are on.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// Idle connections to one primary, and how many may be in use. It dies with its link, so none outlives a failover.
pub(super) struct Pool {
    idle: Mutex<Vec<(MultiplexedConnection, Instant)>>,
    permits: Arc<Semaphore>,
    keep: Duration,
}

impl Pool {
    /// Connections that were idle for longer than `keep` are not used again: something on the way may have forgotten
    /// them, and only a lost request would show it.
    pub(super) fn new(connections: usize, keep: Duration) -> Self {
        Self { idle: Mutex::new(Vec::new()), permits: Arc::new(Semaphore::new(connections)), keep }
    }

    /// Leave to use one connection, once there is one left.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().acquire_owned().await.ok()
    }

    /// An idle connection, if there is one.
    pub(super) fn take(&self) -> Option<MultiplexedConnection> {
        let mut idle = self.idle.lock();
        let found = idle.pop().filter(|(_, since)| since.elapsed() < self.keep);
        if found.is_none() {
            // The last in is the first out, so all others have been idle for longer.
            idle.clear();
        }
        found.map(|(connection, _)| connection)
    }

    /// Puts a connection back on which nothing is under way.
    pub(super) fn put(&self, connection: MultiplexedConnection) {
        self.idle.lock().push((connection, Instant::now()));
    }
}
