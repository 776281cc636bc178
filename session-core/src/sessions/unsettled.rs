//! Writes of unknown outcome whose handles were given up.

use std::{
    collections::VecDeque,
    future::Future,
    pin::pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{Policy, Sessions};
use crate::{
    Error, Session, SessionId,
    model::Timestamp,
    store::{Absent, ApplyOutcome, CreateOutcome, NewSession, Update},
};

/// The maximum number of writes that wait.
const MAX_WAITING: usize = 256;

/// The age from which a write is not attempted again. If a user has given up and done the work again, a write that comes
/// later is a surprise.
const MAX_AGE: Duration = Duration::from_secs(60);

/// A write whose outcome is unknown.
#[derive(Debug)]
pub(super) struct Write {
    /// The ids at which it is attempted, in this order: the old one of a renewal first, if there is one.
    pub(super) at: [Option<SessionId>; 2],
    pub(super) request: Request,
    /// When it was first sent.
    pub(super) since: Timestamp,
}

impl Write {
    /// The age from which it is not attempted again. A create may have happened at once. From the age at which its session
    /// may have expired, or the store may have forgotten that the session has moved to another id, a repeat could store the
    /// session a second time.
    fn max_age(&self, policy: &Policy) -> Duration {
        match &self.request {
            Request::Create(new) => {
                let life = new.expiry.start(self.since).remaining(self.since);
                MAX_AGE.min(policy.rotation_grace).min(life)
            }
            Request::Apply(_) => MAX_AGE,
        }
    }
}

/// A write that can be repeated without its handle. A handle alone can use the result of a take, or the new id of a
/// rotation.
#[derive(Debug)]
pub(super) enum Request {
    Create(NewSession),
    Apply(Update),
}

/// The writes that wait for another attempt.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    writes: Mutex<VecDeque<Write>>,
    /// The number of writes that wait or are being attempted, so that a call without work takes no lock.
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

impl Unsettled {
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds a write. If there are too many, the oldest one is dropped.
    fn add(&self, write: Write) {
        let mut writes = lock(&self.writes);
        writes.push_back(write);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING && writes.pop_front().is_some() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.count_dropped();
        }
    }

    fn take(&self) -> Option<Attempt<'_>> {
        let write = lock(&self.writes).pop_front()?;
        Some(Attempt { unsettled: self, write: Some(write) })
    }
}

/// A write that is being attempted. If the attempt is dropped, the write waits again.
struct Attempt<'u> {
    unsettled: &'u Unsettled,
    write: Option<Write>,
}

impl Attempt<'_> {
    fn finish(mut self, has_happened: bool) {
        if self.write.take().is_some() {
            self.unsettled.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        if !has_happened {
            self.unsettled.count_dropped();
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(write) = self.write.take() {
            lock(&self.unsettled.writes).push_back(write);
        }
    }
}

impl Sessions {
    /// Takes over a handle whose last write has an unknown outcome, for example after the response has been sent, and
    /// retries that write. The retry has the same op id, so the write happens at most once. Retries run beside the next
    /// writes of any session, in [`upkeep`](Self::upkeep) and in [`close`](Self::close). At most 256 writes wait; one more
    /// replaces the oldest. [`deferred`](Self::deferred) returns how many wait and how many were given up.
    ///
    /// A call does not wait for the retry beside it. When the call has its answer, a retry without one is cut off, and the
    /// write waits again. If the store answers a write more slowly than other calls, only `upkeep` and `close` settle it,
    /// since they wait for each answer. Call `upkeep` from time to time.
    ///
    /// A write is given up a minute after it was first sent. The first commit of a new session is given up earlier if the
    /// [grace of rotations](crate::SessionsBuilder::rotation_grace) or the idle or absolute lifetime of that session is
    /// shorter than a minute. It may have happened at once, and a retry must not bring back a session that has expired or
    /// moved since. A tombstone refuses it too, so a store should keep tombstones for at least that long.
    ///
    /// Returns whether the handle had a write that can be retried: a commit, an [`update`](Session::update), or the
    /// first commit of a new session. A [`take`](Session::take), a sign-in and a step-up cannot, since only their
    /// handle could use the result. Of a renewal, only the recorded changes are retried. Changes that were recorded
    /// after the failed call are discarded. To keep them, [commit](Session::commit) first, which settles the write too.
    ///
    /// ```
    /// # use session_core::{Error, ErrorKind, Session, Sessions};
    /// async fn finish(sessions: &Sessions, mut session: Session) -> Result<(), Error> {
    ///     let result = session.commit().await;
    ///     if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::OutcomeUnknown) {
    ///         sessions.settle_later(session); // the page says "saved soon"; the user need not click again
    ///     }
    ///     result
    /// }
    /// ```
    pub fn settle_later(&self, mut session: Session) -> bool {
        let Some(write) = session.take_repeatable_write() else { return false };
        self.shared.upkeep.unsettled.add(write);
        true
    }

    /// Attempts the write that has waited longest.
    ///
    /// # Errors
    /// A failure after which it waits again.
    pub(super) async fn settle_next(&self) -> Result<(), Error> {
        let Some(attempt) = self.shared.upkeep.unsettled.take() else { return Ok(()) };
        let Some(write) = &attempt.write else { return Ok(()) };
        if self.shared.clock.now().since(write.since) >= write.max_age(self.policy()) {
            attempt.finish(false);
            return Ok(());
        }
        match self.repeat(write).await {
            Ok(has_happened) => attempt.finish(has_happened),
            Err(error) if error.is_retryable() => return Err(error),
            Err(_) => attempt.finish(false),
        }
        Ok(())
    }

    /// Whether the write has happened, in this attempt or in an earlier one.
    async fn repeat(&self, write: &Write) -> Result<bool, Error> {
        for at in write.at.iter().flatten() {
            match &write.request {
                Request::Create(new) => {
                    return Ok(matches!(self.store().create(at, new).await?, CreateOutcome::Created(_)));
                }
                Request::Apply(update) => match self.store().apply(at, update).await? {
                    ApplyOutcome::Absent(Absent::NotFound(_)) => {}
                    outcome => return Ok(matches!(outcome, ApplyOutcome::Applied(_))),
                },
            }
        }
        Ok(false)
    }

    /// Makes a call to the store and, beside it, attempts one write that waits. It does not wait for that attempt: a store
    /// that is slow for one session must not delay the others. The attempt is cut off and not left for a later call to
    /// continue, because that call may be in another runtime, where the timers of a future that was begun here can panic.
    pub(super) async fn alongside<T>(&self, call: impl Future<Output = T>) -> T {
        if self.shared.upkeep.unsettled.waiting() == 0 {
            return call.await;
        }
        let mut attempt = Some(Box::pin(self.settle_next()));
        let mut call = pin!(call);
        std::future::poll_fn(|cx| {
            attempt.take_if(|attempt| attempt.as_mut().poll(cx).is_ready());
            call.as_mut().poll(cx)
        })
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
