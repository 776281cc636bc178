//! Sessions by principal: the store's own index; what it revokes is dropped here at once.

use session_core::{
    EndReason, Error, IdDigest, IndexedSession, Principal, SessionId, SessionIndex, SessionStore, async_trait,
};

use crate::{TieredStore, store::no_index};

#[async_trait]
impl<R: SessionStore + 'static> SessionIndex for TieredStore<R> {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        self.remote().index().ok_or_else(no_index)?.sessions(principal, limit).await
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let revoked = self.remote().index().ok_or_else(no_index)?.revoke(principal, session, reason).await;
        self.local().evict(session, true);
        revoked
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<usize, Error> {
        let index = self.remote().index().ok_or_else(no_index)?;
        // Listed before, since those that are revoked are not listed afterwards.
        let listed = index.sessions(principal, usize::MAX).await?;
        let revoked = index.revoke_all(principal, except, reason).await;
        for session in listed {
            if except.is_none_or(|except| *except.digest() != session.digest) {
                self.local().evict(&session.digest, true);
            }
        }
        revoked
    }
}
