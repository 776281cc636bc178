//! Connections for requests that block the connection they are on.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::{
    runtime::{Handle, Id},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// Idle connections to one primary, and a limit on how many may be in use. A pool ends with its
/// [`Connection`](super::connection::Connection), so that none of its connections outlives a failover.
pub(super) struct Pool {
    idle: Mutex<Vec<Idle>>,
    permits: Arc<Semaphore>,
    max_idle: Duration,
}

struct Idle {
    connection: MultiplexedConnection,
    since: Instant,
    /// Where it was opened. It works only while that runtime runs.
    runtime: Option<Id>,
}

fn current_runtime() -> Option<Id> {
    Handle::try_current().ok().map(|handle| handle.id())
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

    /// An idle connection of this runtime that answers within `limit`, if there is one. The runtime of another one may have
    /// ended, or may not run at the moment: the connection would not answer, or only after a wait.
    ///
    /// Servers and firewalls close idle connections, and a write that is sent over one that was closed may or may not have
    /// been executed. So the connection is asked for a sign of life first, which costs one round trip. Any answer is one. TIME needs no
    /// permission that scripts do not need too.
    pub(super) async fn take_open(&self, limit: Duration) -> Option<MultiplexedConnection> {
        let runtime = current_runtime();
        let mut connection = self.take(runtime)?;
        match timeout(limit, connection.send_packed_command(&redis::cmd("TIME"))).await {
            Ok(Ok(_)) => Some(connection),
            Ok(Err(_)) | Err(_) => {
                // All others of this runtime have been idle for longer.
                self.idle.lock().retain(|idle| idle.runtime != runtime);
                None
            }
        }
    }

    fn take(&self, runtime: Option<Id>) -> Option<MultiplexedConnection> {
        let mut idle = self.idle.lock();
        idle.retain(|idle| idle.since.elapsed() < self.max_idle);
        // The last in is the first out.
        let at = idle.iter().rposition(|idle| idle.runtime == runtime)?;
        Some(idle.remove(at).connection)
    }

    /// Returns a connection on which no request is in flight, in the runtime that has opened it.
    pub(super) fn put(&self, connection: MultiplexedConnection) {
        let idle = Idle { connection, since: Instant::now(), runtime: current_runtime() };
        self.idle.lock().push(idle);
    }
}
