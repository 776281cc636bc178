//! The index: all sessions of a principal.

use async_trait::async_trait;

use crate::{
    Error, Note, Principal, SessionId,
    model::{EndReason, IdDigest, Timestamp},
};

/// A session of a principal, as an index lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedSession {
    /// The session's digest. It is sufficient for [`revoke`](SessionIndex::revoke), but gives no access.
    pub digest: IdDigest,
    /// When this principal last signed in to the session, which may be long after the session was created. A rotation
    /// without a sign-in keeps it.
    pub signed_in_at: Timestamp,
    /// When the session ends unless it is used.
    pub expires_at: Timestamp,
    /// The note of the sign-in, or the one that a touch has replaced it with.
    pub note: Option<Note>,
}

/// What one call of [`SessionIndex::revoke_all`] has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "sessions may be left"]
pub struct RevokedAll {
    /// The sessions that the call has ended, each where it was. They are in no order.
    pub ended: Vec<IdDigest>,
    /// The greatest number of sessions that may be left: those that the call did not reach within its deadline, and those
    /// that it could not end. Zero means that the revocation is complete. Otherwise call again: no progress is lost.
    pub left: usize,
}

impl RevokedAll {
    /// Whether no session is left.
    pub fn is_complete(&self) -> bool {
        self.left == 0
    }
}

/// Identifies the last revocation of all sessions of a principal. A store remembers a revocation for as long as a tombstone.
/// The default, zero, means that none is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RevocationId(u64);

impl From<u64> for RevocationId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<RevocationId> for u64 {
    fn from(id: RevocationId) -> Self {
        id.0
    }
}

/// The capability to find and revoke all sessions of a principal.
///
/// Revoking is safe against a racing sign-in: a session is listed before it can be used, revoking leaves a tombstone at
/// every listed id, and create and rotate refuse an id with a tombstone. A sign-in that is listed later is not ended, even
/// if its password was checked earlier. [`SignIn::with_last_revocation`](crate::SignIn::with_last_revocation) refuses such
/// a sign-in.
#[async_trait]
pub trait SessionIndex: Send + Sync {
    /// Returns the live sessions of a principal, at most `limit`, the latest [sign-in](IndexedSession::signed_in_at)
    /// first.
    ///
    /// # Consistency
    /// Every sign-in that was acknowledged before the call is taken into account, on any node and also through a cache.
    /// The list need not be a snapshot of one moment: a session that signs in, moves or ends during the call may be
    /// listed or not. Of two sign-ins that ran at the same time, either may count as the later one.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// Changes nothing.
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error>;

    /// Identifies the last [revocation](Self::revoke_all) of all sessions of a principal.
    ///
    /// # Consistency
    /// A revocation is recorded before the list of sessions is read. A sign-in that knows of an earlier one is therefore
    /// refused, or listed in time to be ended.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// Changes nothing.
    async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error>;

    /// Ends one session of a principal, even if it has moved since it was listed, as long as its old ids are
    /// remembered. Returns false if no session was ended: the digest leads to no live session of this principal.
    ///
    /// # Consistency
    /// As for [`destroy`](crate::store::SessionStore::destroy).
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is ended or as before.
    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error>;

    /// Ends the sessions of a principal, except `except` if that is given. A call may end only a part of them, and says how
    /// many may be [left](RevokedAll::left): a principal may have more sessions than can be ended within one call deadline.
    /// A further call goes on with the others. [`Sessions::revoke_all`](crate::Sessions::revoke_all) calls until none is
    /// left.
    ///
    /// # Consistency
    /// The revocation is recorded first. The sessions are ended one after another, each as by
    /// [`destroy`](crate::store::SessionStore::destroy). After a call that leaves none, none of the principal's sessions
    /// but `except` is left whose sign-in was acknowledged before that call, even if the session has moved meanwhile. A
    /// sign-in in flight is ended or refused if it was listed when that call began to read the list; otherwise it counts as
    /// later than the call.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind). A call that has made progress returns no error: it says how
    /// many sessions are left. A repeat that cannot go on then fails, with the cause.
    ///
    /// # Cancel safety
    /// If the future is dropped, some sessions may have been ended; a repeat ends the others.
    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error>;
}
