//! Locks on sessions, with fencing.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Error, SessionId, model::OpId, store::Absent};

/// Proof of one tenure of a lock. Counters grow with every tenure of one session's lock, so a guarded resource can
/// refuse a holder whose tenure a later one has followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FencingToken {
    /// The op id of the [acquisition](SessionLock::acquire) that began the tenure.
    pub owner: OpId,
    /// Greater than the counter of every earlier tenure of the same lock.
    pub counter: u64,
}

/// The outcome of an attempt to acquire a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcquireOutcome {
    /// The lock is held with this token, by this attempt or by an earlier one of the same owner.
    Acquired(FencingToken),
    /// Another owner holds the lock. Its lease ends after this time unless it is renewed or released.
    Held(Duration),
    /// There is no session to lock.
    Absent(Absent),
}

/// The outcome of a renewal or a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TenureOutcome {
    /// The tenure is renewed, or released.
    Done,
    /// The tenure had already ended: its lease ran out, or it was released.
    Lost,
    /// There is no session to lock.
    Absent(Absent),
}

/// The capability to lock a session for longer than one update.
///
/// Most work needs no lock: updates of different entries never disturb each other, and compare-and-set covers the rest.
/// The lock is part of its session: it moves with a rotation and ends with a destroy. An update guards itself with
/// [`Precondition::Lock`](crate::store::Precondition::Lock). Updates without that precondition are not blocked.
#[async_trait]
pub trait SessionLock: Send + Sync {
    /// Acquires the lock if it is free, without waiting.
    ///
    /// The owner identifies the attempt: it is new for each attempt, and a repeat of the same request has the same owner
    /// and gets the same tenure. Other callers must not be able to guess it.
    ///
    /// # Consistency
    /// By the store's clock, at most one tenure holds the lock at any moment. A holder is not notified when its tenure
    /// ends, so its writes should have the token as a [precondition](crate::store::Precondition::Lock). A store that
    /// loses acknowledged writes may lose a tenure too.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, the lock may have been acquired; its lease ends it.
    async fn acquire(&self, id: &SessionId, owner: OpId, lease: Duration) -> Result<AcquireOutcome, Error>;

    /// Extends a tenure: the lease starts again from now.
    ///
    /// # Consistency
    /// Atomic: a tenure that has ended is not revived, even if the lock has stayed free since.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, the lease is as before or renewed.
    async fn renew(&self, id: &SessionId, token: FencingToken, lease: Duration) -> Result<TenureOutcome, Error>;

    /// Ends a tenure.
    ///
    /// # Consistency
    /// Atomic: after it has returned `Done`, this tenure has ended, and an update with the token is refused. It never
    /// ends the tenure of another owner.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, the lock is released or stays held until its lease ends.
    async fn release(&self, id: &SessionId, token: FencingToken) -> Result<TenureOutcome, Error>;
}
