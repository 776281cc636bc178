//! The capability, as the core has it.

use session_core::{
    Error, Principal, SessionId,
    model::{EndReason, IdDigest, OpId},
    store::{Destroy, IndexedSession, SessionIndex, async_trait},
};

use super::revoke::{Revocation, Revoked};
use crate::RedisStore;

#[async_trait]
impl SessionIndex for RedisStore {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let inner = &self.inner;
        let mut live = inner.net.within_one_deadline(inner.live("sessions", principal)).await?;
        live.truncate(limit);
        Ok(live)
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let destroy = Destroy::new(OpId::generate()?, reason);
        let revocation = Revocation { operation: "revoke", principal, destroy: &destroy, listed: None, spared: None };
        // A tombstone belongs only where a session was listed; any digest may be asked for here.
        let inner = &self.inner;
        let revoked = inner.net.within_one_deadline(inner.revoke_at(session, revocation)).await?;
        Ok(revoked == Revoked::Ended)
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<usize, Error> {
        let destroy = Destroy::new(OpId::generate()?, reason);
        let inner = &self.inner;
        inner.net.within_one_deadline(inner.revoke_list("revoke_all", principal, except, &destroy)).await
    }
}
