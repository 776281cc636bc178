//! The outcomes of a store's operations. Results that a caller must distinguish are variants; failures are
//! [`Error`](crate::Error)s.

use std::{sync::Arc, time::Duration};

use crate::{
    Error, ErrorKind,
    model::{Deadlines, Ended, IdDigest, Record, Stamp, Timestamp},
    store::{AcquireOutcome, TenureOutcome},
};

/// Why there is no session to act on. Every outcome with this case converts from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// There is no session at this id: it was never created, has expired or was ended, or it is an old id that gives no
    /// access any more. The value says why and since when, while the store remembers it.
    NotFound(Option<Ended>),
    /// A sign-in or a step-up replaced the id, which gives no access any more. The session may still exist at its new
    /// id.
    Superseded,
}

impl From<Absent> for Error {
    /// The error for a caller that needs the session: [`NotFound`](ErrorKind::NotFound) or
    /// [`Superseded`](ErrorKind::Superseded).
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::NotFound(ended) => {
                let renewed = ended.is_some_and(Ended::is_renewed);
                let message =
                    if renewed { "a renewal replaced the id; the session continues at the new one" } else { "" };
                Self::new(ErrorKind::NotFound, message).with_ended(ended)
            }
            Absent::Superseded => Self::new(ErrorKind::Superseded, ""),
        }
    }
}

macro_rules! from_absent {
    ($($outcome:ident)*) => {$(
        impl From<Absent> for $outcome {
            fn from(absent: Absent) -> Self {
                Self::Absent(absent)
            }
        }
    )*};
}

from_absent! { LoadOutcome ApplyOutcome TouchOutcome RotateOutcome DestroyOutcome AcquireOutcome TenureOutcome }

/// The outcome of a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateOutcome {
    /// The session is stored, by this attempt or by an earlier one.
    Created(Applied),
    /// Another session has this id. Generate another id.
    AlreadyExists,
    /// A session with this id was ended, and nothing recreates it.
    Ended(Ended),
}

/// The outcome of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadOutcome {
    /// The session.
    Found(Found),
    /// The caller's copy is the current state. These are its current deadlines.
    Unchanged(Touched),
    /// There is no session to load.
    Absent(Absent),
}

/// A session that a load found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The session.
    pub record: Arc<Record>,
    /// The store's time when it answered. The record's deadlines are on the same clock.
    pub now: Timestamp,
    /// The session's digest, if the id is an old one that forwards to it.
    pub forwarded: Option<IdDigest>,
    /// The age of the copy that answered because the store did not: the time since the copy was known to be current. Only
    /// for callers that [allow](crate::LoadOptions::stale_if_error) it.
    pub staleness: Option<Duration>,
}

/// The outcome of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyOutcome {
    /// The update is applied, by this attempt or by an earlier one.
    Applied(Applied),
    /// There is no session to update.
    Absent(Absent),
    /// A precondition failed. Nothing was changed.
    Conflict(Conflict),
}

/// A write that is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The session's current stamp: the one after this write or, for a repeat, after the latest write.
    pub stamp: Stamp,
    /// The session's current deadlines.
    pub deadlines: Deadlines,
    /// The store's time when it answered.
    pub now: Timestamp,
    /// Whether an earlier attempt had made the write, so that this one changed nothing. A local copy must then be
    /// evicted.
    pub repeated: bool,
    /// How many replicas had the write when the store answered, if the request asked for any. Fewer than it asked for
    /// means that the wait ended early, by time or by a failure; the write is in the store all the same. More replicas
    /// make a loss less likely and never exclude it: a failover may promote a replica that does not have the write.
    pub replicas: Option<u32>,
    /// The session's digest, if the id is an old one that forwards to it. `None` for a rotation: the session is at the
    /// new id.
    pub forwarded: Option<IdDigest>,
}

impl Applied {
    /// A write made by this attempt.
    pub fn new(stamp: Stamp, deadlines: Deadlines, now: Timestamp) -> Self {
        Self { stamp, deadlines, now, repeated: false, replicas: None, forwarded: None }
    }
}

/// A precondition that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The session's current stamp.
    pub current: Stamp,
    /// The kind of the first precondition that failed.
    pub cause: ConflictCause,
}

/// The kind of precondition that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConflictCause {
    /// The session has another stamp.
    Stamp,
    /// An entry has another value.
    Entry,
    /// The lock is not held with this token.
    Lock,
}

/// The outcome of a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TouchOutcome {
    /// The deadlines after the touch.
    Touched(Touched),
    /// There is no session to touch.
    Absent(Absent),
}

/// Deadlines, with the store's time when it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The session's current stamp.
    pub stamp: Stamp,
    /// The session's current deadlines.
    pub deadlines: Deadlines,
    /// The store's time when it answered.
    pub now: Timestamp,
    /// The session's digest, if the id is an old one that forwards to it.
    pub forwarded: Option<IdDigest>,
}

/// The outcome of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotateOutcome {
    /// The session is at the new id, by this attempt or by an earlier one. A sign-in that could not or must not continue
    /// the session of the old id has started another one there, whose stamp has the
    /// [incarnation](crate::store::Rotation::incarnation) of the rotation.
    Rotated(Applied),
    /// Another rotation came first. Nothing was changed. Set no cookie. A sign-in never gets this answer.
    AlreadyRotated,
    /// There is no session to move. Superseded here means that the id forwards to one that a sign-in or a step-up
    /// replaced. A sign-in gets this answer only as a repeat, if its session has ended since.
    Absent(Absent),
    /// The *new* id was revoked before the session could move there. Nothing was changed.
    Ended(Ended),
}

/// The outcome of a destroy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestroyOutcome {
    /// The session is ended, by this attempt or by an earlier one with the same op id.
    Destroyed {
        /// As [`Applied::replicas`].
        replicas: Option<u32>,
        /// The digest that the session had, if the id is an old one that forwarded to it.
        forwarded: Option<IdDigest>,
    },
    /// There is no session to destroy.
    Absent(Absent),
}
