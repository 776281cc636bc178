//! The signal that a connection has closed.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use redis::{
    PushInfo, PushKind,
    aio::{AsyncPushSender, SendError},
};
use tokio::sync::Notify;

/// Whether a connection is still open, and a way to wait for its end.
///
/// redis-rs gets a [`CloseOnDrop`] as the receiver of pushes. It reports a disconnection there, and drops the receiver
/// when the connection ends for any reason.
#[derive(Clone, Default)]
pub(crate) struct CloseSignal(Arc<State>);

#[derive(Default)]
struct State {
    closed: AtomicBool,
    waiters: [Waiters; STRIPES],
}

/// A waiter registers in a list behind a lock, and each request registers twice. Threads use different lists, so that
/// they do not contend for one lock.
const STRIPES: usize = 8;

#[derive(Default)]
#[repr(align(128))]
struct Waiters(Notify);

thread_local! {
    /// The list that this thread uses.
    static STRIPE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES
    };
}

impl State {
    fn waiters(&self) -> &Notify {
        &self.waiters[STRIPE.with(|stripe| *stripe)].0
    }
}

impl CloseSignal {
    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Closes the connection: every request on it fails now.
    pub(super) fn close(&self) {
        if !self.0.closed.swap(true, Ordering::AcqRel) {
            self.0.waiters.iter().for_each(|waiters| waiters.0.notify_waiters());
        }
    }

    /// Returns once the connection is closed.
    pub(super) async fn closed(&self) {
        let closed = self.0.waiters().notified();
        if !self.is_closed() {
            closed.await;
        }
    }

    /// Runs a request unless the connection is closed before its reply comes: a request on a half-open connection need
    /// not wait for its deadline. The caller pins the request; passed by value, the future would hold it twice.
    pub(super) async fn until_closed<T, E>(
        &self,
        request: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, Option<E>> {
        // Created before the flag is read, so that a close between the two is not missed.
        let closed = self.0.waiters().notified();
        if self.is_closed() {
            return Err(None);
        }
        tokio::select! {
            biased;
            outcome = request => outcome.map_err(Some),
            () = closed => Err(None),
        }
    }

    /// The receiver of pushes for redis-rs.
    pub(super) fn push_receiver(&self) -> CloseOnDrop {
        CloseOnDrop(self.clone())
    }
}

/// Closes the signal when redis-rs reports a disconnection or drops this.
pub(super) struct CloseOnDrop(CloseSignal);

impl AsyncPushSender for CloseOnDrop {
    fn send(&self, info: PushInfo) -> Result<(), SendError> {
        if info.kind == PushKind::Disconnection {
            self.0.close();
        }
        Ok(())
    }
}

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, pin::pin, task::Poll};

    use super::*;

    #[tokio::test]
    async fn a_close_is_never_missed() {
        let signal = CloseSignal::default();
        let mut before = Box::pin(signal.closed());
        assert!(futures_util::poll!(&mut before).is_pending());
        let unpolled = signal.closed();
        drop(signal.push_receiver());
        before.await;
        unpolled.await;
        signal.closed().await;
    }

    #[tokio::test]
    async fn a_disconnection_closes() {
        let signal = CloseSignal::default();
        let receiver = signal.push_receiver();
        receiver.send(PushInfo { kind: PushKind::Message, data: Vec::new() }).unwrap();
        assert!(!signal.is_closed());
        receiver.send(PushInfo { kind: PushKind::Disconnection, data: Vec::new() }).unwrap();
        assert!(signal.is_closed());
    }

    /// A call on a half-open connection need not wait for its own deadline once the connection was closed.
    #[tokio::test]
    async fn a_request_ends_with_its_connection() {
        let signal = CloseSignal::default();
        let mut reply = pin!(pending::<Result<(), ()>>());
        let mut request = Box::pin(signal.until_closed(reply.as_mut()));
        assert!(futures_util::poll!(&mut request).is_pending());
        signal.close();
        // The close has woken it, so one poll is enough.
        assert_eq!(futures_util::poll!(request), Poll::Ready(Err(None)));
        let sent = pin!(async { panic!("sent on a closed connection") });
        assert_eq!(signal.until_closed::<(), ()>(sent).await, Err(None));
    }
}
