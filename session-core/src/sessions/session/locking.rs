//! Locking a session.

use std::time::Duration;

use super::Session;
use crate::{
    Error, ErrorKind,
    model::OpId,
    random,
    store::{AcquireOutcome, Conflict, ConflictCause, FencingToken, SessionLock, TenureOutcome},
};

/// The longest pause between two attempts to acquire a lock that another owner holds.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// A request for the lock that has not succeeded, as far as the handle knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct LockRequest {
    owner: OpId,
    /// Whether the outcome of the last attempt is unknown.
    is_unknown: bool,
}

impl Session {
    /// Acquires the session's lock, waiting for at most `wait`, and holds it for `lease`. From then on, commits of this
    /// handle fail with [`Conflict`](ErrorKind::Conflict) once the lock is lost. A handle that already holds the lock
    /// renews its lease.
    ///
    /// Most work needs no lock: see [`update`](Self::update) and [`transaction`](Self::transaction). If the handle is
    /// dropped, the next `lock` or [`close`](crate::Sessions::close) of the same [`Sessions`](crate::Sessions) releases
    /// the lock; at the latest, the lock ends with its lease.
    ///
    /// The waiters of one [`Sessions`](crate::Sessions) and its clones form a queue for each session. Only the first of
    /// them asks the store, at once and then every 100 ms, so the load of the store does not grow with their number. Those
    /// of different processes are not queued: the first request after the release gets the lock.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if it is still held after `wait`, or if others have waited longer and still do;
    /// [`Overloaded`](ErrorKind::Overloaded) at once if [too many](crate::SessionsBuilder::lock_waiters) wait already;
    /// [`Configuration`](ErrorKind::Configuration) if the store has no locks; [`NotFound`](ErrorKind::NotFound),
    /// [`Superseded`](ErrorKind::Superseded) and the failures of the store. After
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) call it again: if the lock was acquired, that call gets it.
    ///
    /// # Cancel safety
    /// If the future is dropped, the lock may have been acquired. Another call gets it, or its lease ends it.
    pub async fn lock(&mut self, lease: Duration, wait: Duration) -> Result<FencingToken, Error> {
        if let Some(token) = self.fence {
            if self.locks()?.renew(&self.id, token, lease).await? == TenureOutcome::Done {
                return Ok(token);
            }
            self.sessions.untrack_lock(token);
            self.fence = None;
        }
        let until = self.sessions.clock().now().after(wait);
        // An earlier request may have acquired the lock. Behind others, this handle would wait for itself.
        if self.lock_request.is_some_and(|request| request.is_unknown)
            && let AcquireOutcome::Acquired(token) = self.acquire(lease).await?
        {
            return Ok(token);
        }
        let place = self.sessions.queue_for_lock(*self.id.digest()).map_err(|error| self.lock_error(error))?;
        if !place.wait_until_first(until).await {
            return Err(self.lock_held());
        }
        self.sessions.release_abandoned_locks(&self.id).await.ok();
        let mut attempt = 0;
        loop {
            let held = match self.acquire(lease).await? {
                AcquireOutcome::Acquired(token) => return Ok(token),
                AcquireOutcome::Held(remaining) => remaining,
                AcquireOutcome::Absent(absent) => return Err(self.lock_error(Error::from(absent))),
            };
            let now = self.sessions.clock().now();
            if now >= until {
                return Err(self.lock_held());
            }
            // The pause never passes the end of the lease or of the wait. It is at least a millisecond, so that time
            // can pass.
            let pause = MAX_PAUSE.min(held).min(until.since(now)).max(Duration::from_millis(1));
            self.sessions.clock().sleep(pause).await;
            self.sessions.back_off(attempt.min(3)).await?;
            attempt += 1;
        }
    }

    /// Makes one attempt to acquire the lock. The owner is kept, because the next request of the same owner gets the same
    /// tenure.
    async fn acquire(&mut self, lease: Duration) -> Result<AcquireOutcome, Error> {
        let owner = match self.lock_request {
            Some(request) => request.owner,
            None => random::u64()?.into(),
        };
        self.lock_request = Some(LockRequest { owner, is_unknown: true });
        let outcome = self.locks()?.acquire(&self.id, owner, lease).await?;
        self.lock_request = Some(LockRequest { owner, is_unknown: false });
        match outcome {
            AcquireOutcome::Acquired(token) => {
                self.sessions.track_lock(token, self.id);
                self.fence = Some(token);
                (self.lock_request, self.absent) = (None, None);
            }
            AcquireOutcome::Held(_) => self.absent = None,
            // After an own renewal the session may be at the old id.
            AcquireOutcome::Absent(absent) if self.old_id.is_none() => self.mark_absent(&Error::from(absent)),
            AcquireOutcome::Absent(_) => {}
        }
        Ok(outcome)
    }

    /// Extends the lock: the lease starts again from now.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if the lock was lost or is not held; otherwise as [`lock`](Self::lock).
    ///
    /// # Cancel safety
    /// If the future is dropped, the lease is as before or renewed.
    pub async fn renew_lock(&mut self, lease: Duration) -> Result<(), Error> {
        let token = self.fence.ok_or_else(|| self.lock_lost())?;
        let outcome = self.locks()?.renew(&self.id, token, lease).await?;
        self.check_tenure(outcome)
    }

    /// Releases the lock. Afterwards commits are unguarded again.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) if the lock had been lost before, in which case the work since then was not
    /// guarded; otherwise as [`lock`](Self::lock).
    ///
    /// # Cancel safety
    /// If the future is dropped, the lock is released or is held until its lease ends.
    pub async fn unlock(&mut self) -> Result<(), Error> {
        let token = self.fence.ok_or_else(|| self.lock_lost())?;
        let outcome = self.locks()?.release(&self.id, token).await?;
        self.fence = None;
        self.sessions.untrack_lock(token);
        self.check_tenure(outcome)
    }

    fn locks(&self) -> Result<&dyn SessionLock, Error> {
        let missing = || self.lock_error(Error::new(ErrorKind::Configuration, "this store has no locks"));
        self.sessions.store().lock().ok_or_else(missing)
    }

    fn check_tenure(&self, outcome: TenureOutcome) -> Result<(), Error> {
        Err(self.lock_error(match outcome {
            TenureOutcome::Done => return Ok(()),
            TenureOutcome::Lost => return Err(self.lock_lost()),
            TenureOutcome::Absent(absent) => Error::from(absent),
        }))
    }

    fn lock_held(&self) -> Error {
        self.lock_error(Error::new(ErrorKind::Conflict, "another request holds the lock"))
    }

    fn lock_lost(&self) -> Error {
        let error =
            Error::new(ErrorKind::Conflict, "the lock is not held; it was never acquired, or its lease has ended");
        let conflict = self.stamp().map(|stamp| Conflict { current: stamp, cause: ConflictCause::Lock });
        self.lock_error(match conflict {
            Some(conflict) => error.with_conflict(conflict),
            None => error,
        })
    }

    fn lock_error(&self, error: Error) -> Error {
        self.sessions.with_context(error, "lock")
    }
}
