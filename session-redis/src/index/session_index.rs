//! The index as the core's trait.

use session_core::{
    Error, Principal, SessionId,
    model::{EndReason, IdDigest, OpId},
    store::{Destroy, IndexedSession, RevocationId, RevokedAll, SessionIndex, async_trait},
};

use super::revocation::{Revocation, Revoked};
use crate::{RedisStore, error_context::ErrorContext as _};

#[async_trait]
impl SessionIndex for RedisStore {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        self.inner.operation().latest(principal, limit).await.during("sessions")
    }

    async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        self.inner.operation().last_revocation(principal).await.during("last_revocation")
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let destroy = Destroy::new(OpId::generate()?, reason);
        // A tombstone belongs only where a session was listed, and `session` may be any digest.
        let revocation = Revocation { principal, destroy: &destroy, listed: None, kept: None };
        let revoked = self.inner.operation().revoke_at(session, revocation).await.during("revoke")?;
        Ok(matches!(revoked, Revoked::Ended(_)))
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        let destroy = Destroy::new(OpId::generate()?, reason);
        self.inner.operation().revoke_all(principal, except, &destroy).await.during("revoke_all")
    }
}
