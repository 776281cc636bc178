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
        let mut evict = EvictPrincipalOnDrop { local: self.local(), principal, except, is_needed: true };
        let revoked = index.revoke_all(principal, except, reason).await?;
        revoked.ended.iter().for_each(|session| self.local().evict_ended(session));
        evict.is_needed = !revoked.is_complete();
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

/// Drops the copies of a principal's sessions if the store has not said which of them are ended: any of them may be.
struct EvictPrincipalOnDrop<'a> {
    local: &'a LocalCache,
    principal: &'a Principal,
    except: Option<&'a SessionId>,
    is_needed: bool,
}

impl Drop for EvictPrincipalOnDrop<'_> {
    fn drop(&mut self) {
        if self.is_needed {
            self.local.evict_principal(self.principal, self.except.map(SessionId::digest));
        }
    }
}
