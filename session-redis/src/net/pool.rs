//! Connections for requests that block the connection they are on.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// Idle connections to one primary, and a limit on how many may be in use. A pool ends with its
/// [`Connection`](super::connection::Connection), so that none of its connections outlives a failover.
pub(super) struct Pool {
    idle: Mutex<Vec<(MultiplexedConnection, Instant)>>,
    permits: Arc<Semaphore>,
    max_idle: Duration,
}

impl Pool {
    /// Connections that were idle for longer than `max_idle` are not used again: something in between may have dropped
    /// them, which would show only after a wait.
    pub(super) fn new(connections: usize, max_idle: Duration) -> Self {
        Self { idle: Mutex::new(Vec::new()), permits: Arc::new(Semaphore::new(connections)), max_idle }
    }

    /// The right to use one connection. Waits while all are in use.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.clone().acquire_owned().await.ok()
    }

    /// An idle connection that answers within `limit`, if there is one.
    ///
    /// Servers and firewalls close idle connections, and a write that is sent over one that was closed may or may not have
    /// been executed. So the connection is asked for a sign of life first, which costs one round trip. Any answer is one.
    pub(super) async fn take_open(&self, limit: Duration) -> Option<MultiplexedConnection> {
        let mut connection = self.take()?;
        match timeout(limit, connection.send_packed_command(&redis::cmd("PING"))).await {
            Ok(Ok(_)) => Some(connection),
            Ok(Err(_)) | Err(_) => {
                // All others have been idle for longer.
                self.idle.lock().clear();
                None
            }
        }
    }

    fn take(&self) -> Option<MultiplexedConnection> {
        let mut idle = self.idle.lock();
        let found = idle.pop().filter(|(_, since)| since.elapsed() < self.max_idle);
        if found.is_none() {
            // The last in is the first out, so all others have been idle for longer.
            idle.clear();
        }
        found.map(|(connection, _)| connection)
    }

    /// Returns a connection on which no request is in flight.
    pub(super) fn put(&self, connection: MultiplexedConnection) {
        self.idle.lock().push((connection, Instant::now()));
    }
}
