//! The index of the store, through the cache: copies of revoked sessions are dropped at once.

use session_core::{
    Error, ErrorKind, Principal, SessionId,
    model::{EndReason, IdDigest},
    store::{IndexedSession, RevocationId, RevokedAll, SessionIndex, SessionStore, async_trait},
};

use crate::{
    local_cache::LocalCache,
    store::{BACKEND, TieredStore},
};

fn no_index(operation: &'static str) -> Error {
    Error::new(ErrorKind::Configuration, "the store behind the cache keeps no index of principals")
        .with_context(BACKEND, operation)
}

#[async_trait]
impl<R: SessionStore + 'static> SessionIndex for TieredStore<R> {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        self.remote().index().ok_or_else(|| no_index("sessions"))?.sessions(principal, limit).await
    }

    async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        self.remote().index().ok_or_else(|| no_index("last_revocation"))?.last_revocation(principal).await
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let index = self.remote().index().ok_or_else(|| no_index("revoke"))?;
        let _evict = EvictEndedOnDrop { local: self.local(), session: *session };
        index.revoke(principal, session, reason).await
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        let index = self.remote().index().ok_or_else(|| no_index("revoke_all"))?;
        let _evict = EvictPrincipalOnDrop { local: self.local(), principal, except };
        let revoked = index.revoke_all(principal, except, reason).await?;
        // Also where there is no copy yet: a fill that is in flight must install none.
        revoked.ended.iter().for_each(|session| self.local().evict_ended(session));
        Ok(revoked)
    }
}

/// Drops the copy of a session that is being revoked, however the call ends, including when the caller drops it.
struct EvictEndedOnDrop<'a> {
    local: &'a LocalCache,
    session: IdDigest,
}

impl Drop for EvictEndedOnDrop<'_> {
    fn drop(&mut self) {
        self.local.evict_ended(&self.session);
    }
}

/// Drops the copies of a principal's sessions but one, however the call ends: once for each call of the store, which may
/// end thousands of sessions. Any of them may be ended even if the store does not name it: its outcome may be unknown, it may
/// have ended before, and a copy may be at an id that the session has left, if this node has not received that yet.
///
/// A fill of such a session that is in flight may still install a copy. The feed ends it, or the lease does.
struct EvictPrincipalOnDrop<'a> {
    local: &'a LocalCache,
    principal: &'a Principal,
    except: Option<&'a SessionId>,
}

impl Drop for EvictPrincipalOnDrop<'_> {
    fn drop(&mut self) {
        self.local.evict_principal(self.principal, self.except.map(SessionId::digest));
    }
}
