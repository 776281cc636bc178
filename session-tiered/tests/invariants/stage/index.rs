//! The store's index as one node sees it. Revocations are executed, and their answers may be held back.

use std::sync::atomic::Ordering::SeqCst;

use session_core::{
    Error, ErrorKind, Principal, SessionId,
    model::{EndReason, IdDigest},
    store::{IndexedSession, RevocationId, RevokedAll, SessionIndex, SessionStore as _, async_trait},
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
        if self.wire.lists_fail.load(SeqCst) {
            return Err(Error::new(ErrorKind::UnreadableField, "a session cannot be read"));
        }
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
    ) -> Result<RevokedAll, Error> {
        let mut revoked = self.its_index().revoke_all(principal, except, reason).await?;
        self.wire.hold_reply().await;
        if let Some(unconfirmed) = self.wire.unconfirmed.lock().take() {
            revoked.ended.retain(|digest| *digest != unconfirmed);
            revoked.left += 1;
        }
        Ok(revoked)
    }
}
