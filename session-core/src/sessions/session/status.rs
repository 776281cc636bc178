//! What a handle knows of its session and of its own changes.

use super::{Base, Session};
use crate::store::Absent;

impl Session {
    /// Whether this handle knows that the session has ended: it destroyed the session, or the store answered one of its
    /// requests with "no such session". A handle learns that the session was ended elsewhere only from its own
    /// requests. A session whose id was replaced has not ended, but [moved](Self::has_moved).
    pub fn is_ended(&self) -> bool {
        let gone =
            matches!(self.absent, Some(Absent::NotFound(ended)) if !ended.is_some_and(|ended| ended.is_renewed()));
        gone || matches!(self.base, Base::Ended(_))
    }

    /// Whether this handle knows that another request has moved the session to an id that this handle does not have: the
    /// store answered [`Superseded`](crate::ErrorKind::Superseded), or [`NotFound`](crate::ErrorKind::NotFound) with
    /// the reason [`Renewed`](crate::model::EndReason::Renewed). The session continues. Open it by the cookie of a later
    /// request; for a WebSocket, ask the client to connect again.
    ///
    /// A handle of minutes or hours should [watch](crate::Sessions::watch) its session: the store forgets a renewal after a while
    /// and then answers only that there is no such session, but a watch [knows](crate::Watch::moved_to) that it has moved.
    pub fn has_moved(&self) -> bool {
        match self.absent {
            Some(Absent::Superseded) => true,
            Some(Absent::NotFound(ended)) => ended.is_some_and(|ended| ended.is_renewed()),
            None => false,
        }
    }

    /// Whether a [`commit`](Self::commit) would send anything: recorded changes, or a request whose outcome is unknown.
    pub fn has_changes(&self) -> bool {
        self.sent.is_some() || !self.pending.is_empty()
    }

    /// Whether this handle has changed the stored session since it was opened or created, by any call: a commit, a
    /// [`take`](Self::take) or [`update`](Self::update), a rotation or a destroy.
    pub fn has_written(&self) -> bool {
        self.written
    }

    /// Whether the session is not stored yet.
    pub fn is_new(&self) -> bool {
        matches!(self.base, Base::New(_))
    }

    /// Whether the outcome of a sent request is unknown.
    pub fn has_unsettled(&self) -> bool {
        self.sent.is_some()
    }
}
