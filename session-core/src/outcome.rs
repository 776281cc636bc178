//! What a store answers. Outcomes that a caller must tell apart are variants; failures are [`Error`](crate::Error)s.

use std::{fmt, sync::Arc, time::Duration};

use crate::{Deadlines, IdDigest, Record, Stamp, Timestamp};

/// Why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// Its user signed out.
    Logout,
    /// It was revoked: by its user from elsewhere, or by an operator.
    Revoked,
    /// Its principal had too many sessions.
    Limit,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::Limit => "limit",
        })
    }
}

/// What a tombstone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// How long ago.
    pub age: Duration,
}

impl Ended {
    /// Ended for this reason, this long ago.
    pub fn new(reason: EndReason, age: Duration) -> Self {
        Self { reason, age }
    }
}

/// What became of a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateOutcome {
    /// It is stored, now or by an earlier attempt.
    Created(Applied),
    /// Another session has this id. Draw another.
    AlreadyExists,
    /// A session of this id was ended; nothing brings it back.
    Ended(Ended),
}

/// What a load found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadOutcome {
    /// The session.
    Found(Found),
    /// The caller's copy is the present state; these are its present deadlines.
    Unchanged(Touched),
    /// No such session; if it was ended, why and when.
    NotFound(Option<Ended>),
    /// The id was replaced by a sign-in.
    Superseded,
}

/// A session as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The session.
    pub record: Arc<Record>,
    /// The store's time when it answered; the record's deadlines are on the same clock.
    pub now: Timestamp,
    /// Where the session is, if the id is an old one that forwards to it.
    pub forwarded: Option<IdDigest>,
    /// Only where the caller [allows](crate::LoadOptions::stale_if_error) it: the store did not answer, and this copy was
    /// known to be the present state so long ago.
    pub stale: Option<Duration>,
}

impl Found {
    /// This record, found at this moment.
    pub fn new(record: Arc<Record>, now: Timestamp) -> Self {
        Self { record, now, forwarded: None, stale: None }
    }

    /// Found where an old id forwards to.
    #[must_use]
    pub fn with_forwarded(self, forwarded: Option<IdDigest>) -> Self {
        Self { forwarded, ..self }
    }

    /// From a copy of this age, since the store did not answer.
    #[must_use]
    pub fn stale(self, age: Duration) -> Self {
        Self { stale: Some(age), ..self }
    }
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyOutcome {
    /// It is applied, now or by an earlier attempt.
    Applied(Applied),
    /// No such session; if it was ended, why and when.
    NotFound(Option<Ended>),
    /// The id was replaced by a sign-in.
    Superseded,
    /// A precondition failed; nothing was changed.
    Conflict(Conflict),
}

/// An update that is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The session's present stamp: after this update, or, for a repeat, after whatever came since.
    pub stamp: Stamp,
    /// The session's present deadlines.
    pub deadlines: Deadlines,
    /// The store's time when it answered.
    pub now: Timestamp,
    /// Whether an earlier attempt had done it, so that this one changed nothing. A local copy must then be dropped.
    pub repeated: bool,
    /// How many replicas had it when the store answered, if the request asked for some. Fewer than were asked for means
    /// that the wait ended before; the update stands all the same. More replicas make a loss less likely and never
    /// exclude it: a failover may promote one that has not got it.
    pub replicas: Option<u32>,
    /// Where the session is, if the id is an old one that forwards to it. Of a rotation: none, it is at the new id.
    pub forwarded: Option<IdDigest>,
}

impl Applied {
    /// Done by this attempt.
    pub fn new(stamp: Stamp, deadlines: Deadlines, now: Timestamp) -> Self {
        Self { stamp, deadlines, now, repeated: false, replicas: None, forwarded: None }
    }

    /// Done by an earlier attempt.
    #[must_use]
    pub fn repeated(self) -> Self {
        Self { repeated: true, ..self }
    }

    /// With so many replicas that have it.
    #[must_use]
    pub fn with_replicas(self, replicas: Option<u32>) -> Self {
        Self { replicas, ..self }
    }

    /// Done where an old id forwards to.
    #[must_use]
    pub fn with_forwarded(self, forwarded: Option<IdDigest>) -> Self {
        Self { forwarded, ..self }
    }
}

/// A precondition that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The session's present stamp.
    pub current: Stamp,
    /// Which sort of precondition it was, the first that failed.
    pub cause: ConflictCause,
}

impl Conflict {
    /// With a session at this stamp.
    pub fn new(current: Stamp, cause: ConflictCause) -> Self {
        Self { current, cause }
    }
}

/// The sort of precondition that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConflictCause {
    /// The session bears another stamp.
    Stamp,
    /// An entry has another value.
    Entry,
    /// The lock is not held with this token.
    Lock,
}

/// What became of a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TouchOutcome {
    /// The deadlines now.
    Touched(Touched),
    /// No such session; if it was ended, why and when.
    NotFound(Option<Ended>),
    /// The id was replaced by a sign-in.
    Superseded,
}

/// Deadlines, with the store's time when it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Touched {
    /// The session's present deadlines.
    pub deadlines: Deadlines,
    /// The store's time when it answered.
    pub now: Timestamp,
    /// Where the session is, if the id is an old one that forwards to it.
    pub forwarded: Option<IdDigest>,
}

impl Touched {
    /// These deadlines at this moment.
    pub fn new(deadlines: Deadlines, now: Timestamp) -> Self {
        Self { deadlines, now, forwarded: None }
    }

    /// Done where an old id forwards to.
    #[must_use]
    pub fn with_forwarded(self, forwarded: Option<IdDigest>) -> Self {
        Self { forwarded, ..self }
    }
}

/// What became of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotateOutcome {
    /// The session is at the new id, now or by an earlier attempt.
    Rotated(Applied),
    /// Another rotation was first; nothing was changed. Set no cookie. The loser of two sign-ins is told
    /// [`Superseded`](ApplyOutcome::Superseded) by every other operation on the old id: only the winner's new one
    /// gives access.
    AlreadyRotated,
    /// No such session; if it was ended, why and when.
    NotFound(Option<Ended>),
    /// The id forwards to one that was replaced by a sign-in.
    Superseded,
    /// The *new* id was revoked before the session could move there; nothing was changed.
    Ended(Ended),
}

/// What became of a destroy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestroyOutcome {
    /// It is ended, by this attempt or an earlier one of the same op id.
    Destroyed {
        /// As [`Applied::replicas`].
        replicas: Option<u32>,
        /// Where the session was, if the id is an old one that forwards to it.
        forwarded: Option<IdDigest>,
    },
    /// No such session; if it was ended, why and when.
    NotFound(Option<Ended>),
    /// The id was replaced by a sign-in.
    Superseded,
}
