//! All sessions of a principal.

use async_trait::async_trait;

use crate::{
    Error, Principal, SessionId,
    model::{EndReason, IdDigest, Timestamp},
};

/// A session of a principal, as an index lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexedSession {
    /// Its digest: good for [`revoke`](SessionIndex::revoke), not for access.
    pub digest: IdDigest,
    /// When this principal signed in at the session, which may be long after the session was created. It stays when
    /// the session moves, also when the same principal signs in there again.
    pub signed_in_at: Timestamp,
    /// When it ends unless it is used.
    pub expires_at: Timestamp,
}

impl IndexedSession {
    /// The session of this digest.
    pub fn new(digest: IdDigest, signed_in_at: Timestamp, expires_at: Timestamp) -> Self {
        Self { digest, signed_in_at, expires_at }
    }
}

/// The capability of finding and revoking all sessions of a principal.
///
/// Revoking is safe against a racing sign-in: a session is listed before it can be used, revoking leaves a tombstone
/// at every listed id, and create and rotate refuse a tombstoned id. A sign-in that began after the revocation stands.
#[async_trait]
pub trait SessionIndex: Send + Sync {
    /// The live sessions of a principal, at most `limit`, the latest [sign-in](IndexedSession::signed_in_at) first.
    ///
    /// # Consistency
    /// Every sign-in that was acknowledged before the call is seen, on any node and also through a cache. It need not be
    /// one moment: a session that signs in, moves or ends during the call may be listed or not.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// Changes nothing.
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error>;

    /// Ends one session of a principal, also one that has moved since it was listed, while the old ids are remembered;
    /// false if it is not among them.
    ///
    /// # Consistency
    /// That of [`destroy`](crate::store::SessionStore::destroy).
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is ended or as before.
    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error>;

    /// Ends all sessions of a principal, all but `except` if that is given, and tells how many there were.
    ///
    /// # Consistency
    /// One session after another, each as by [`destroy`](crate::store::SessionStore::destroy). When it has returned, none is left
    /// of those whose sign-in was acknowledged before the call, wherever they have moved meanwhile. A sign-in that is under
    /// way is ended or refused if it was listed when the sessions were read, and is a later one if it was not.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind). After an error, some may have been ended; a repeat
    /// ends the others.
    ///
    /// # Cancel safety
    /// If the future is dropped, some may have been ended; a repeat ends the others.
    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<usize, Error>;
}
