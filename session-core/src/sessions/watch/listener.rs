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

/// What the thread waits for: an item of the feed, or the end of the watches.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    waiting: Condvar,
    closed: AtomicBool,
}

impl Bell {
    /// The subscription has no watchers any more.
    pub(super) fn close(self: &Arc<Self>) {
        self.closed.store(true, Ordering::Relaxed);
        self.wake_by_ref();
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Waits until it has been rung since the last call.
    fn wait(&self) {
        let mut rung = lock(&self.rung);
        while !std::mem::take(&mut *rung) {
            rung = self.waiting.wait(rung).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *lock(&self.rung) = true;
        self.waiting.notify_one();
    }
}

/// Reads one subscription, on a thread of its own. If the tasks of the watchers read it in turn, one that is not polled
/// for a while (it waits for a slow client, say) would delay the ends of all others. A thread depends on no task and on
/// no runtime.
pub(super) struct Listener {
    pub(super) hub: Arc<Hub>,
    /// The number of the subscription.
    pub(super) number: u64,
    pub(super) mask: u16,
    pub(super) subscription: Subscription,
    pub(super) bell: Arc<Bell>,
}

/// The stack of the thread. It polls the store's stream and wakes tasks, which needs little.
const STACK: usize = 256 * 1_024;

impl Listener {
    pub(super) fn start(self) -> Result<(), Error> {
        let thread = thread::Builder::new().name("session-watch".to_owned()).stack_size(STACK);
        thread.spawn(move || self.run()).map(drop).map_err(|error| {
            let message = "watching needs a thread, and the operating system starts none";
            Error::new(ErrorKind::Unavailable, message).with_source(error)
        })
    }

    /// Returns when the subscription has ended, or has no watchers any more.
    fn run(mut self) {
        let waker = Waker::from(self.bell.clone());
        let mut cx = Context::from_waker(&waker);
        while !self.bell.is_closed() {
            match Pin::new(&mut self.subscription).poll_next(&mut cx) {
                Poll::Ready(Some(item)) if Table::is_concerned(&item) => {
                    if !self.hub.dispatch(self.number, &item, self.mask) {
                        return;
                    }
                }
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return,
                Poll::Pending => self.bell.wait(),
            }
        }
    }
}

impl Drop for Listener {
    /// The watches end with the thread, also if it panics.
    fn drop(&mut self) {
        self.hub.end(self.number);
    }
}
