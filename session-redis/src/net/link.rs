//! One connection to a primary.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use redis::{
    PushInfo, PushKind,
    aio::{AsyncPushSender, MultiplexedConnection, SendError},
};
use tokio::sync::Notify;

use super::{Address, pool::Pool};

/// One connection to a primary, and those beside it that wait for replicas.
pub(crate) struct Link {
    pub(super) connection: MultiplexedConnection,
    pub(super) address: Address,
    pub(super) pulse: Pulse,
    pub(super) pool: Pool,
}

impl Link {
    /// Runs a request unless the link is closed before its reply comes: a request on a half-open connection need not
    /// wait for its deadline.
    pub(super) async fn until_closed<T, E>(&self, request: impl Future<Output = Result<T, E>>) -> Result<T, Option<E>> {
        // Made before the flag is read, so that a close between the two is not missed.
        let closed = self.pulse.0.closing.notified();
        if self.pulse.is_closed() {
            return Err(None);
        }
        tokio::select! {
            biased;
            outcome = request => outcome.map_err(Some),
            () = closed => Err(None),
        }
    }
}

/// Whether a connection is still open. It goes to redis-rs as the receiver of pushes: redis-rs tells it of a
/// disconnection and drops it when the connection ends, whatever the reason.
#[derive(Clone, Default)]
pub(crate) struct Pulse(Arc<Beat>);

#[derive(Default)]
struct Beat {
    closed: AtomicBool,
    closing: Notify,
}

impl Pulse {
    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Closes the link: every request on it fails now.
    pub(super) fn close(&self) {
        if !self.0.closed.swap(true, Ordering::AcqRel) {
            self.0.closing.notify_waiters();
        }
    }

    /// Returns once the link is closed.
    pub(super) async fn closed(&self) {
        let closed = self.0.closing.notified();
        if !self.is_closed() {
            closed.await;
        }
    }

    /// What redis-rs gets.
    pub(super) fn watch(&self) -> Watch {
        Watch(self.clone())
    }
}

/// Closes the link when the connection ends.
pub(super) struct Watch(Pulse);

impl AsyncPushSender for Watch {
    fn send(&self, info: PushInfo) -> Result<(), SendError> {
        if info.kind == PushKind::Disconnection {
            self.0.close();
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.close();
    }
}
