//! Locks on sessions, with fencing.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Ended, Error, SessionId, random};

/// Who asks for a lock: 64 random bits, drawn for each attempt to take it, so that nobody can guess another's and a
/// repeated request is known as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LockOwner(u64);

impl LockOwner {
    /// A new owner.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn draw() -> Result<Self, Error> {
        random::u64().map(Self)
    }

    /// The owner with these bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// Proof of one tenure of a lock. Counters grow with every tenure of one session's lock, so that whatever is guarded
/// can refuse a holder that has been overtaken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FencingToken {
    /// Whose tenure it is.
    pub owner: LockOwner,
    /// Greater than that of every earlier tenure.
    pub counter: u64,
}

/// What became of an attempt to take a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcquireOutcome {
    /// It is held with this token, now or by an earlier attempt of the same owner.
    Acquired(FencingToken),
    /// Another holds it; its lease ends after this time unless it is renewed or released.
    Held(Duration),
    /// No such session; if it was ended, why and when.
    NotFound(Option<Ended>),
    /// The id was replaced by a sign-in.
    Superseded,
}

/// What became of a renewal or release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TenureOutcome {
    /// It is renewed, or released.
    Done,
    /// The tenure had ended before: its lease ran out, or it was released.
    Lost,
    /// No such session; if it was ended, why and when.
    NotFound(Option<Ended>),
    /// The id was replaced by a sign-in.
    Superseded,
}

/// The capability of locking a session for longer than one update.
///
/// Most work needs none: updates that touch different entries never disturb each other, and compare-and-set covers
/// the rest. A lock lives in its session: it moves with a rotation and ends with a destroy. An update guards itself
/// with [`Precondition::Lock`](crate::Precondition::Lock); updates without that precondition are not held up.
#[async_trait]
pub trait SessionLock: Send + Sync {
    /// Takes the lock if it is free, without waiting.
    ///
    /// # Consistency
    /// By the store's clock at most one tenure holds at any moment. A holder does not hear of its end, so whatever it
    /// writes should bear the token as a [precondition](crate::Precondition::Lock). A store that loses what it acknowledged
    /// may forget a tenure too.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, the lock may have been taken; its lease ends it.
    async fn acquire(&self, id: &SessionId, owner: LockOwner, lease: Duration) -> Result<AcquireOutcome, Error>;

    /// Prolongs a tenure: the lease runs anew from now.
    ///
    /// # Consistency
    /// Atomic: a tenure that has ended is not brought back, even if nobody has taken the lock since.
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
    /// Atomic: once it is answered the lock is free, and an update that bears the token is refused. The tenure of another
    /// is never ended.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, the lock is released or runs to the end of its lease.
    async fn release(&self, id: &SessionId, token: FencingToken) -> Result<TenureOutcome, Error>;
}
