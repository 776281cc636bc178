//! One connection to a primary.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
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
    pub(super) pool: Arc<Pool>,
}

/// Whether a connection is still open. It goes to redis-rs as the receiver of pushes: redis-rs tells it of a
/// disconnection and drops it when the connection ends, whatever the reason.
#[derive(Clone, Default)]
pub(crate) struct Pulse(Arc<Beat>);

#[derive(Default)]
struct Beat {
    closed: AtomicBool,
    closing: [Bell; BELLS],
}

/// Who waits for the end of a link puts itself on a list behind a lock, each request twice. Threads have different lists,
/// so that they do not wait for each other.
const BELLS: usize = 8;

#[derive(Default)]
#[repr(align(128))]
struct Bell(Notify);

thread_local! {
    /// Which list this thread uses.
    static MINE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed) % BELLS
    };
}

impl Beat {
    fn bell(&self) -> &Notify {
        &self.closing[MINE.with(|mine| *mine)].0
    }
}

impl Pulse {
    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Closes the link: every request on it fails now.
    pub(super) fn close(&self) {
        if !self.0.closed.swap(true, Ordering::AcqRel) {
            self.0.closing.iter().for_each(|bell| bell.0.notify_waiters());
        }
    }

    /// Returns once the link is closed.
    pub(super) async fn closed(&self) {
        let closed = self.0.bell().notified();
        if !self.is_closed() {
            closed.await;
        }
    }

    /// Runs a request unless the link is closed before its reply comes: a request on a half-open connection need not
    /// wait for its deadline. The request is pinned by the caller: taken by value, it would be held twice.
    pub(super) async fn until_closed<T, E>(
        &self,
        request: Pin<&mut impl Future<Output = Result<T, E>>>,
    ) -> Result<T, Option<E>> {
        // Made before the flag is read, so that a close between the two is not missed.
        let closed = self.0.bell().notified();
        if self.is_closed() {
            return Err(None);
        }
        tokio::select! {
            biased;
            outcome = request => outcome.map_err(Some),
            () = closed => Err(None),
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

#[cfg(test)]
mod tests {
    use std::{future::pending, pin::pin, task::Poll};

    use super::*;

    #[tokio::test]
    async fn a_close_is_never_missed() {
        let pulse = Pulse::default();
        let mut before = Box::pin(pulse.closed());
        assert!(futures_util::poll!(&mut before).is_pending());
        let unpolled = pulse.closed();
        drop(pulse.watch());
        before.await;
        unpolled.await;
        pulse.closed().await;
    }

    #[tokio::test]
    async fn a_disconnection_closes() {
        let pulse = Pulse::default();
        let watch = pulse.watch();
        watch.send(PushInfo { kind: PushKind::Message, data: Vec::new() }).unwrap();
        assert!(!pulse.is_closed());
        watch.send(PushInfo { kind: PushKind::Disconnection, data: Vec::new() }).unwrap();
        assert!(pulse.is_closed());
    }

    /// A call on a half-open link need not wait for its own deadline once the link was given up.
    #[tokio::test]
    async fn a_request_ends_with_its_link() {
        let pulse = Pulse::default();
        let mut reply = pin!(pending::<Result<(), ()>>());
        let mut request = Box::pin(pulse.until_closed(reply.as_mut()));
        assert!(futures_util::poll!(&mut request).is_pending());
        pulse.close();
        // It is awake by now, so one look is enough.
        assert_eq!(futures_util::poll!(request), Poll::Ready(Err(None)));
        let sent = pin!(async { panic!("sent on a closed link") });
        assert_eq!(pulse.until_closed::<(), ()>(sent).await, Err(None));
    }
}
