//! The store's index as one node sees it. Revocations are executed, and their answers may be held back.

use session_core::{
    Error, Principal, SessionId,
    model::{EndReason, IdDigest},
    store::{IndexedSession, RevocationId, SessionIndex, SessionStore as _, async_trait},
};

use super::Staged;

impl Staged {
    fn its_index(&self) -> &dyn SessionIndex {
        self.store.index().unwrap()
    }
}

#[async_trait]
impl SessionIndex for Staged {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        self.its_index().sessions(principal, limit).await
    }

    async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        self.its_index().last_revocation(principal).await
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let revoked = self.its_index().revoke(principal, session, reason).await;
        self.wire.hold_reply().await;
        revoked
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<usize, Error> {
        let revoked = self.its_index().revoke_all(principal, except, reason).await;
        self.wire.hold_reply().await;
        revoked
    }
}
