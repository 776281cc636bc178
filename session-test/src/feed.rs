//! The feed of changes, which a test can interrupt.

use std::{
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use parking_lot::Mutex;
use session_core::store::{FeedItem, GapCause, Subscription};

/// The subscriptions that were made through a store.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(Mutex<Vec<Weak<Interruption>>>);

impl Subscriptions {
    /// Adds a subscription, and returns it as one that can be interrupted.
    pub(crate) fn add(&self, inner: Subscription) -> Subscription {
        let interruption = Arc::new(Interruption::default());
        let mut all = self.0.lock();
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(&interruption));
        let barriers = inner.barriers().clone();
        Subscription::new(Interruptible { inner, interruption }, barriers)
    }

    /// Puts a gap into each of them.
    pub(crate) fn interrupt(&self) {
        let wakers: Vec<Waker> = self.0.lock().iter().filter_map(Weak::upgrade).filter_map(|one| one.begin()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[derive(Debug, Default)]
struct Interruption(Mutex<(bool, Option<Waker>)>);

impl Interruption {
    /// Sets the gap, and returns the task to be woken.
    fn begin(&self) -> Option<Waker> {
        let (is_due, waker) = &mut *self.0.lock();
        *is_due = true;
        waker.take()
    }

    /// Takes the gap if there is one, and otherwise keeps the task.
    fn take(&self, cx: &mut Context<'_>) -> bool {
        let (is_due, waker) = &mut *self.0.lock();
        *waker = Some(cx.waker().clone());
        std::mem::take(is_due)
    }
}

struct Interruptible {
    inner: Subscription,
    interruption: Arc<Interruption>,
}

impl Stream for Interruptible {
    type Item = FeedItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        if self.interruption.take(cx) {
            return Poll::Ready(Some(FeedItem::Gap(None, GapCause::Reconnected)));
        }
        Pin::new(&mut self.inner).poll_next(cx)
    }
}
