//! Holding the session's lock.

use std::time::Duration;

use super::Session;
use crate::{
    Error, ErrorKind,
    store::{AcquireOutcome, Conflict, ConflictCause, FencingToken, LockOwner, SessionLock, TenureOutcome},
};

/// The longest pause between two attempts to take a lock that another holds.
const MAX_PAUSE: Duration = Duration::from_millis(100);

impl Session {
    /// Takes the session's lock, waiting for at most `wait`, and holds it for `lease`. From then on commits of this
    /// handle fail with [`Conflict`](ErrorKind::Conflict) once the lock is lost. A handle that holds it already renews
    /// its lease.
    ///
    /// Most work needs no lock: see [`update`](Self::update) and [`transaction`](Self::transaction). Dropping the
    /// handle releases it at the next `lock` or [`close`](crate::Sessions::close) of the same
    /// [`Sessions`](crate::Sessions); at the latest the lease ends it. Waiters are not queued: who asks first after the
    /// release gets it.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when it is still held after `wait`;
    /// [`Configuration`](ErrorKind::Configuration) when the store has no locks;
    /// [`NotFound`](ErrorKind::NotFound), [`Superseded`](ErrorKind::Superseded) and the failures of the store; after
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) call it again, which gets the lock that may have been taken.
    ///
    /// # Cancel safety
    /// If the future is dropped, the lock may have been taken; calling it again gets it, or its lease ends it.
    pub async fn lock(&mut self, lease: Duration, wait: Duration) -> Result<FencingToken, Error> {
        self.sessions.release_abandoned_locks(&self.id).await.ok();
        if let Some(token) = self.fence {
            if self.locks()?.renew(&self.id, token, lease).await? == TenureOutcome::Done {
                return Ok(token);
            }
            self.sessions.forget_lock(token);
            self.fence = None;
        }
        // Kept while the answer is not known: the same owner's next request gets the same tenure.
        let owner = match self.lock_owner {
            Some(owner) => owner,
            None => *self.lock_owner.insert(LockOwner::generate()?),
        };
        let until = self.sessions.clock().now().after(wait);
        let mut attempt = 0;
        loop {
            let held = match self.locks()?.acquire(&self.id, owner, lease).await? {
                AcquireOutcome::Acquired(token) => {
                    self.sessions.note_lock(token, self.id);
                    self.fence = Some(token);
                    self.lock_owner = None;
                    return Ok(token);
                }
                AcquireOutcome::Held(remaining) => remaining,
                AcquireOutcome::Absent(absent) => {
                    let error = absent.into_error();
                    self.note_absence(&error);
                    return Err(self.about_lock(error));
                }
            };
            let now = self.sessions.clock().now();
            if now >= until {
                let error = Error::new(ErrorKind::Conflict, "another request holds the lock");
                return Err(self.about_lock(error));
            }
            // Never past the end of the lease or of the wait, and at least a millisecond so that time can pass.
            let pause = MAX_PAUSE.min(held).min(until.since(now)).max(Duration::from_millis(1));
            self.sessions.clock().sleep(pause).await;
            self.sessions.back_off(attempt.min(3)).await?;
            attempt += 1;
        }
    }

    /// Prolongs the lock: the lease runs anew from now.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when the lock was lost or is not held; otherwise as [`lock`](Self::lock).
    ///
    /// # Cancel safety
    /// If the future is dropped, the lease is as before or renewed.
    pub async fn renew_lock(&mut self, lease: Duration) -> Result<(), Error> {
        let token = self.fence.ok_or_else(|| self.lost())?;
        let outcome = self.locks()?.renew(&self.id, token, lease).await?;
        self.tenure(outcome)
    }

    /// Releases the lock. From then on commits are unguarded again.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when the lock had been lost before: what was done meanwhile was not guarded;
    /// otherwise as [`lock`](Self::lock).
    ///
    /// # Cancel safety
    /// If the future is dropped, the lock is released or runs to the end of its lease.
    pub async fn unlock(&mut self) -> Result<(), Error> {
        let token = self.fence.ok_or_else(|| self.lost())?;
        let outcome = self.locks()?.release(&self.id, token).await?;
        self.fence = None;
        self.sessions.forget_lock(token);
        self.tenure(outcome)
    }

    fn locks(&self) -> Result<&dyn SessionLock, Error> {
        let missing = || self.about_lock(Error::new(ErrorKind::Configuration, "this store has no locks"));
        self.sessions.store().lock().ok_or_else(missing)
    }

    fn tenure(&self, outcome: TenureOutcome) -> Result<(), Error> {
        Err(self.about_lock(match outcome {
            TenureOutcome::Done => return Ok(()),
            TenureOutcome::Lost => return Err(self.lost()),
            TenureOutcome::Absent(absent) => absent.into_error(),
        }))
    }

    fn lost(&self) -> Error {
        let error = Error::new(ErrorKind::Conflict, "the lock is not held; its lease has ended or was never taken");
        let conflict = self.stamp().map(|stamp| Conflict::new(stamp, ConflictCause::Lock));
        self.about_lock(match conflict {
            Some(conflict) => error.with_conflict(conflict),
            None => error,
        })
    }

    fn about_lock(&self, error: Error) -> Error {
        self.sessions.with_context(error, "lock")
    }
}
