//! The requests of one process that wait for the locks of sessions.

use std::{
    collections::{HashMap, VecDeque},
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::Sessions;
use crate::{
    Error, ErrorKind,
    model::{IdDigest, Timestamp},
};

/// The queues of all sessions. Only the first of a queue asks the store. Empty queues are removed.
#[derive(Debug, Default)]
pub(super) struct LockQueues(Mutex<Queues>);

#[derive(Debug, Default)]
struct Queues {
    by_session: HashMap<IdDigest, VecDeque<Waiter>>,
    /// The number of the last waiter.
    last: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    waker: Option<Waker>,
}

/// A place in the queue of one session. Dropping it leaves the queue.
#[derive(Debug)]
pub(super) struct LockPlace {
    sessions: Sessions,
    digest: IdDigest,
    number: u64,
}

impl LockQueues {
    fn get(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Joins the end of the queue for the lock of a session.
    ///
    /// # Errors
    /// [`Overloaded`](ErrorKind::Overloaded) if the queue is full.
    pub(super) fn queue_for_lock(&self, digest: IdDigest) -> Result<LockPlace, Error> {
        let most = self.policy().lock_waiters;
        let mut queues = self.shared.lock_queues.get();
        if queues.by_session.get(&digest).is_some_and(|queue| queue.len() >= most) {
            let message = format!("{most} requests of this process wait for the lock of this session already");
            return Err(Error::new(ErrorKind::Overloaded, message));
        }
        queues.last += 1;
        let number = queues.last;
        queues.by_session.entry(digest).or_default().push_back(Waiter { number, waker: None });
        Ok(LockPlace { sessions: self.clone(), digest, number })
    }
}

impl LockPlace {
    /// Waits for all earlier waiters to leave. Returns false if they are still there at the end of the wait.
    pub(super) async fn wait_until_first(&self, until: Timestamp) -> bool {
        if self.poll_first(Waker::noop()).is_ready() {
            return true;
        }
        let clock = self.sessions.clock();
        let mut timer = pin!(clock.sleep(until.since(clock.now())));
        // The end of the wait comes first. Otherwise each waiter would ask the store once more when the one before it gives
        // up at the same moment.
        std::future::poll_fn(|cx: &mut Context<'_>| match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(false),
            Poll::Pending => self.poll_first(cx.waker()).map(|()| true),
        })
        .await
    }

    fn poll_first(&self, waker: &Waker) -> Poll<()> {
        let mut queues = self.sessions.shared.lock_queues.get();
        let queue = queues.by_session.get_mut(&self.digest);
        let Some(at) = queue.as_ref().and_then(|queue| queue.iter().position(|waiter| waiter.number == self.number))
        else {
            return Poll::Ready(());
        };
        match queue.and_then(|queue| queue.get_mut(at)) {
            Some(waiter) if at > 0 => {
                // The old waker is dropped without the lock, because that may run other code.
                let old = waiter.waker.replace(waker.clone());
                drop(queues);
                drop(old);
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for LockPlace {
    fn drop(&mut self) {
        let mut queues = self.sessions.shared.lock_queues.get();
        let Some(queue) = queues.by_session.get_mut(&self.digest) else { return };
        let own = queue.iter().position(|waiter| waiter.number == self.number).and_then(|at| queue.remove(at));
        let next = queue.front_mut().and_then(|first| first.waker.take());
        if queue.is_empty() {
            queues.by_session.remove(&self.digest);
        }
        // Wakers are called and dropped without the lock, because both may run other code.
        drop(queues);
        drop(own);
        if let Some(next) = next {
            next.wake();
        }
    }
}
