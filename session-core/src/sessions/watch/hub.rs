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
    WatchEnd,
    listener::{Bell, Listener},
    lock,
    round::{Attempt, Round},
    table::{Table, Token},
};
use crate::{
    Error,
    model::IdDigest,
    store::{FeedItem, Subscription},
};

/// The one subscription of one `Sessions`, and its watchers. The subscription begins with the first watcher and ends with
/// the last.
///
/// Wakers are called and dropped while nothing is locked, because both may run other code.
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
    Subscribing(Weak<Round>),
    /// A thread reads this subscription.
    Listening(u64, Arc<Bell>),
}

impl Hub {
    /// Adds a watcher of this session to a subscription that receives every change from now on. `subscribe` makes a
    /// subscription, and `mask` selects the partition bits of a digest.
    pub(super) async fn join(
        self: &Arc<Self>,
        digest: IdDigest,
        mask: u16,
        subscribe: impl Fn() -> Attempt,
    ) -> Result<Token, Error> {
        let caller = self.callers.fetch_add(1, Ordering::Relaxed);
        let mut joined: Option<Arc<Round>> = None;
        std::future::poll_fn(|cx| {
            loop {
                let round = match joined.take().map_or_else(|| self.enter(digest, &subscribe), Err) {
                    Ok(token) => return Poll::Ready(Ok(token)),
                    Err(round) => round,
                };
                match round.poll(caller, cx.waker(), |subscription| self.listen(subscription, mask, digest)) {
                    Poll::Pending => {
                        joined = Some(round);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(Some(token))) => return Poll::Ready(token),
                    // Another caller has subscribed.
                    Poll::Ready(Ok(None)) => {}
                    Poll::Ready(Err(error)) => {
                        self.forget(&round);
                        return Poll::Ready(Err(error));
                    }
                }
            }
        })
        .await
    }

    /// Adds a watcher if there is a subscription, and otherwise returns the attempt that is being made, or a new one.
    fn enter(&self, digest: IdDigest, subscribe: impl Fn() -> Attempt) -> Result<Token, Arc<Round>> {
        let mut state = lock(&self.state);
        let current = match &state.feed {
            Feed::Listening(..) => return Ok(state.table.insert(digest)),
            Feed::Subscribing(round) => round.upgrade(),
            Feed::Idle => None,
        };
        Err(current.unwrap_or_else(|| {
            let round = Arc::new(Round::new(subscribe()));
            state.feed = Feed::Subscribing(Arc::downgrade(&round));
            round
        }))
    }

    /// The attempt has failed: the next caller makes another one.
    fn forget(&self, failed: &Arc<Round>) {
        let mut state = lock(&self.state);
        if matches!(&state.feed, Feed::Subscribing(round) if round.as_ptr() == Arc::as_ptr(failed)) {
            state.feed = Feed::Idle;
        }
    }

    /// Has a thread read the subscription, and adds its first watcher.
    fn listen(self: &Arc<Self>, subscription: Subscription, mask: u16, digest: IdDigest) -> Result<Token, Error> {
        let bell = Arc::new(Bell::default());
        let (number, token) = {
            let mut state = lock(&self.state);
            state.subscriptions += 1;
            state.feed = Feed::Listening(state.subscriptions, bell.clone());
            (state.subscriptions, state.table.insert(digest))
        };
        let listener = Listener { hub: self.clone(), number, mask, subscription, bell };
        listener.start().inspect_err(|_| self.remove(token))?;
        Ok(token)
    }

    /// Passes an item of this subscription on to the watchers that it concerns. Returns false if there are no watchers
    /// any more; then the subscription is over.
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
    pub(super) fn remove(&self, token: Token) {
        let (waker, unused) = {
            let mut state = lock(&self.state);
            (state.table.remove(token), state.take_unused())
        };
        drop(waker);
        if let Some(bell) = unused {
            bell.close();
        }
    }

    /// Completes with the end of a watch.
    pub(super) fn poll(&self, token: Token, cx: &Context<'_>) -> Poll<WatchEnd> {
        let polled = lock(&self.state).table.poll(token, cx.waker());
        match polled {
            Ok(end) => Poll::Ready(end),
            Err(replaced) => {
                drop(replaced);
                Poll::Pending
            }
        }
    }

    /// As [`Table::place`].
    pub(super) fn place(&self, token: Token) -> Option<(IdDigest, bool)> {
        lock(&self.state).table.place(token)
    }

    /// As [`Table::relocate`].
    pub(super) fn relocate(&self, token: Token, to: IdDigest) {
        lock(&self.state).table.relocate(token, to);
    }
}

impl State {
    fn is_listening(&self, number: u64) -> bool {
        matches!(self.feed, Feed::Listening(current, _) if current == number)
    }

    /// Ends a subscription without watchers, and returns the bell of its thread.
    fn take_unused(&mut self) -> Option<Arc<Bell>> {
        if self.table.waiting() > 0 || !matches!(self.feed, Feed::Listening(..)) {
            return None;
        }
        match std::mem::take(&mut self.feed) {
            Feed::Listening(_, bell) => Some(bell),
            Feed::Idle | Feed::Subscribing(_) => None,
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("watchers", &lock(&self.state).table.waiting()).finish_non_exhaustive()
    }
}
