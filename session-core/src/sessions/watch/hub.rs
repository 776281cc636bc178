//! The one subscription of one `Sessions`, and its watchers.

use std::{
    fmt,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use super::{
    attempt::{SharedAttempt, SubscribeFuture},
    listener::{Listener, Parker},
    lock,
    table::{Polled, Table, WatcherId},
};
use crate::{
    Error,
    model::IdDigest,
    store::{FeedItem, Subscription},
};

/// The one subscription of one `Sessions`, and its watchers. The subscription begins with the first watcher and ends with
/// the last.
///
/// Wakers are called and dropped without a lock held, because both may run other code.
#[derive(Default)]
pub(in crate::sessions) struct Hub {
    state: Mutex<State>,
    callers: AtomicU64,
}

#[derive(Default)]
struct State {
    table: Table,
    feed: Feed,
    subscriptions: u64,
}

#[derive(Default)]
enum Feed {
    #[default]
    Idle,
    /// Callers are subscribing.
    Subscribing(Weak<SharedAttempt>),
    /// A thread reads this subscription.
    Listening(u64, Arc<Parker>),
}

impl Hub {
    /// Adds a watcher of this session to a subscription that receives every change from now on. `subscribe` makes a
    /// subscription, and `mask` selects the partition bits of a digest.
    pub(super) async fn join(
        self: &Arc<Self>,
        digest: IdDigest,
        mask: u16,
        subscribe: impl Fn() -> SubscribeFuture,
    ) -> Result<WatcherId, Error> {
        let caller = self.callers.fetch_add(1, Ordering::Relaxed);
        let mut joined: Option<Arc<SharedAttempt>> = None;
        std::future::poll_fn(|cx| {
            loop {
                let attempt = match joined.take().map_or_else(|| self.enter(digest, &subscribe), Err) {
                    Ok(watcher) => return Poll::Ready(Ok(watcher)),
                    Err(attempt) => attempt,
                };
                match attempt.poll(caller, cx.waker(), |subscription| self.listen(subscription, mask, digest)) {
                    Poll::Pending => {
                        joined = Some(attempt);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(Some(watcher))) => return Poll::Ready(watcher),
                    // Another caller has subscribed.
                    Poll::Ready(Ok(None)) => {}
                    Poll::Ready(Err(error)) => {
                        self.forget(&attempt);
                        return Poll::Ready(Err(error));
                    }
                }
            }
        })
        .await
    }

    /// Adds a watcher if there is a subscription. Otherwise returns the attempt in progress, or a new one.
    fn enter(
        &self,
        digest: IdDigest,
        subscribe: impl Fn() -> SubscribeFuture,
    ) -> Result<WatcherId, Arc<SharedAttempt>> {
        let mut state = lock(&self.state);
        let current = match &state.feed {
            Feed::Listening(..) => return Ok(state.table.insert(digest)),
            Feed::Subscribing(attempt) => attempt.upgrade(),
            Feed::Idle => None,
        };
        Err(current.unwrap_or_else(|| {
            let attempt = Arc::new(SharedAttempt::new(subscribe()));
            state.feed = Feed::Subscribing(Arc::downgrade(&attempt));
            attempt
        }))
    }

    /// The attempt has failed: the next caller makes another one.
    fn forget(&self, failed: &Arc<SharedAttempt>) {
        let mut state = lock(&self.state);
        if matches!(&state.feed, Feed::Subscribing(attempt) if attempt.as_ptr() == Arc::as_ptr(failed)) {
            state.feed = Feed::Idle;
        }
    }

    /// Starts the thread that reads the subscription, and adds the first watcher.
    fn listen(self: &Arc<Self>, subscription: Subscription, mask: u16, digest: IdDigest) -> Result<WatcherId, Error> {
        let parker = Arc::new(Parker::default());
        let (number, watcher) = {
            let mut state = lock(&self.state);
            state.subscriptions += 1;
            state.feed = Feed::Listening(state.subscriptions, parker.clone());
            (state.subscriptions, state.table.insert(digest))
        };
        let listener = Listener { hub: self.clone(), number, mask, subscription, parker };
        listener.start().inspect_err(|_| self.remove(watcher))?;
        Ok(watcher)
    }

    /// Applies an item of this subscription to the watchers that it concerns. Returns false if no watchers are left; then
    /// the subscription is over.
    pub(super) fn dispatch(&self, number: u64, item: &FeedItem, mask: u16) -> bool {
        let (wakers, unused) = {
            let mut state = lock(&self.state);
            if !state.is_listening(number) {
                return false;
            }
            (state.table.apply(item, mask), state.take_unused())
        };
        wakers.into_iter().for_each(Waker::wake);
        unused.is_none()
    }

    /// This subscription has ended, and with it all watches.
    pub(super) fn end(&self, number: u64) {
        let wakers = {
            let mut state = lock(&self.state);
            if !state.is_listening(number) {
                return;
            }
            state.feed = Feed::Idle;
            state.table.end_all(None)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Removes a watcher. The subscription ends with the last one.
    pub(super) fn remove(&self, watcher: WatcherId) {
        let (waker, unused) = {
            let mut state = lock(&self.state);
            (state.table.remove(watcher), state.take_unused())
        };
        drop(waker);
        if let Some(parker) = unused {
            parker.close();
        }
    }

    /// As [`Table::poll`].
    pub(super) fn poll(&self, watcher: WatcherId, cx: &Context<'_>) -> Polled {
        // The lock is released before the caller drops the replaced waker.
        lock(&self.state).table.poll(watcher, cx.waker())
    }

    /// As [`Table::place`].
    pub(super) fn place(&self, watcher: WatcherId) -> Option<(IdDigest, bool)> {
        lock(&self.state).table.place(watcher)
    }

    /// As [`Table::relocate`].
    pub(super) fn relocate(&self, watcher: WatcherId, to: IdDigest) {
        lock(&self.state).table.relocate(watcher, to);
    }
}

impl State {
    fn is_listening(&self, number: u64) -> bool {
        matches!(self.feed, Feed::Listening(current, _) if current == number)
    }

    /// Ends a subscription that has no watchers, and returns the parker of its thread.
    fn take_unused(&mut self) -> Option<Arc<Parker>> {
        if self.table.waiting() > 0 || !matches!(self.feed, Feed::Listening(..)) {
            return None;
        }
        match std::mem::take(&mut self.feed) {
            Feed::Listening(_, parker) => Some(parker),
            Feed::Idle | Feed::Subscribing(_) => None,
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("watchers", &lock(&self.state).table.waiting()).finish_non_exhaustive()
    }
}
