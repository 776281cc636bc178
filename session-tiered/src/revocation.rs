//! Sessions by principal: the store's own index; what it revokes is dropped here at once.

use session_core::{
    Error, Principal, SessionId,
    model::{EndReason, IdDigest},
    store::{IndexedSession, SessionIndex, SessionStore, async_trait},
};

use crate::{TieredStore, local::Local, store::no_index};

#[async_trait]
impl<R: SessionStore + 'static> SessionIndex for TieredStore<R> {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        self.remote().index().ok_or_else(no_index)?.sessions(principal, limit).await
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let index = self.remote().index().ok_or_else(no_index)?;
        let _gone = Gone { local: self.local(), sessions: vec![*session] };
        index.revoke(principal, session, reason).await
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
        let revoked = listed.iter().map(|session| session.digest);
        let revoked = revoked.filter(|digest| except.is_none_or(|except| except.digest() != digest));
        let _gone = Gone { local: self.local(), sessions: revoked.collect() };
        index.revoke_all(principal, except, reason).await
    }
}

/// Sessions that are being revoked. However that ends, also if nobody waits for it any more, their copies are dropped.
struct Gone<'a> {
    local: &'a Local,
    sessions: Vec<IdDigest>,
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.sessions.iter().for_each(|session| self.local.evict(session, true));
    }
}
