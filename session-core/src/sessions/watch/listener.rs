//! The thread that reads the subscription.

use std::{
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use futures_core::Stream as _;

use super::{Hub, lock, table::Table};
use crate::{Error, ErrorKind, store::Subscription};

/// Parks the thread until the feed has an item or the last watch has ended.
#[derive(Debug, Default)]
pub(super) struct Parker {
    notified: Mutex<bool>,
    waiting: Condvar,
    closed: AtomicBool,
}

impl Parker {
    /// Ends the thread, because the subscription has no watchers left.
    pub(super) fn close(self: &Arc<Self>) {
        self.closed.store(true, Ordering::Relaxed);
        self.wake_by_ref();
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Waits until it has been notified since the last call.
    fn wait(&self) {
        let mut notified = lock(&self.notified);
        while !std::mem::take(&mut *notified) {
            notified = self.waiting.wait(notified).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *lock(&self.notified) = true;
        self.waiting.notify_one();
    }
}

/// Reads one subscription on a thread of its own, which depends on no task and on no runtime. If the tasks of the watchers
/// took turns to read it, a task that is not polled for a while, for example because its client is slow, would delay the
/// ends of all other watches.
pub(super) struct Listener {
    pub(super) hub: Arc<Hub>,
    /// The number of the subscription.
    pub(super) number: u64,
    pub(super) mask: u16,
    pub(super) subscription: Subscription,
    pub(super) parker: Arc<Parker>,
}

/// The stack of the thread. It polls the store's stream and wakes tasks, which needs little.
const STACK: usize = 256 * 1_024;

impl Listener {
    pub(super) fn start(self) -> Result<(), Error> {
        let thread = thread::Builder::new().name("session-watch".to_owned()).stack_size(STACK);
        thread.spawn(move || self.run()).map(drop).map_err(|error| {
            let message = "watching needs a thread, and the operating system could not start one";
            Error::new(ErrorKind::Unavailable, message).with_source(error)
        })
    }

    /// Returns when the subscription has ended or has no watchers left.
    fn run(mut self) {
        let waker = Waker::from(self.parker.clone());
        let mut cx = Context::from_waker(&waker);
        while !self.parker.is_closed() {
            match Pin::new(&mut self.subscription).poll_next(&mut cx) {
                Poll::Ready(Some(item)) if Table::is_concerned(&item) => {
                    if !self.hub.dispatch(self.number, &item, self.mask) {
                        return;
                    }
                }
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return,
                Poll::Pending => self.parker.wait(),
            }
        }
    }
}

impl Drop for Listener {
    /// The watches end with the thread, even if it panics.
    fn drop(&mut self) {
        self.hub.end(self.number);
    }
}
