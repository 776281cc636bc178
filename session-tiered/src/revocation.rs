//! The index of the store, through the cache: copies of revoked sessions are dropped at once.

use session_core::{
    Error, ErrorKind, Principal, SessionId,
    model::{EndReason, IdDigest},
    store::{IndexedSession, RevocationId, SessionIndex, SessionStore, async_trait},
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
        let _evict = EvictEndedOnDrop { local: self.local(), sessions: vec![*session] };
        index.revoke(principal, session, reason).await
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<usize, Error> {
        let index = self.remote().index().ok_or_else(|| no_index("revoke_all"))?;
        // Listed first, because the index no longer lists sessions that were revoked.
        let listed = index.sessions(principal, usize::MAX).await?;
        let revoked = listed.iter().map(|session| session.digest);
        let revoked = revoked.filter(|digest| except.is_none_or(|except| except.digest() != digest));
        let _evict = EvictEndedOnDrop { local: self.local(), sessions: revoked.collect() };
        index.revoke_all(principal, except, reason).await
    }
}

/// Drops the copies of sessions that are being revoked, however the call ends, including when the caller drops it.
struct EvictEndedOnDrop<'a> {
    local: &'a LocalCache,
    sessions: Vec<IdDigest>,
}

impl Drop for EvictEndedOnDrop<'_> {
    fn drop(&mut self) {
        self.sessions.iter().for_each(|session| self.local.evict_ended(session));
    }
}
