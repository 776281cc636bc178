//! The capabilities of a faulty store.

use std::{fmt::Debug, time::Duration};

use session_core::{
    Error, Principal, SessionId,
    model::{EndReason, IdDigest, OpId},
    store::{
        AcquireOutcome, ChangeFeed, FencingToken, IndexedSession, Origin, RevocationId, RevokedAll, SessionIndex,
        SessionLock, Subscription, TenureOutcome, async_trait,
    },
};

use super::FaultyStore;
use crate::toy::Toy;

#[async_trait]
pub(crate) trait FaultyIndex: Send + Sync {
    async fn sessions(&self, inner: &Toy, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        inner.sessions(principal, limit).await
    }

    async fn last_revocation(&self, inner: &Toy, principal: &Principal) -> Result<RevocationId, Error> {
        inner.last_revocation(principal).await
    }

    async fn revoke(
        &self,
        inner: &Toy,
        principal: &Principal,
        session: &IdDigest,
        reason: EndReason,
    ) -> Result<bool, Error> {
        inner.revoke(principal, session, reason).await
    }

    async fn revoke_all(
        &self,
        inner: &Toy,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        inner.revoke_all(principal, except, reason).await
    }
}

pub(crate) trait FaultyLock: Debug + Send + Sync {
    /// The token that a new holder receives.
    fn token(&self, token: FencingToken) -> FencingToken;
}

#[async_trait]
pub(crate) trait FaultyFeed: Send + Sync {
    async fn subscribe(&self, inner: &Toy) -> Result<Subscription, Error>;
}

#[async_trait]
impl SessionIndex for FaultyStore {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        match self.fault.index() {
            Some(faulty) => faulty.sessions(&self.inner, principal, limit).await,
            None => self.inner.sessions(principal, limit).await,
        }
    }

    async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        match self.fault.index() {
            Some(faulty) => faulty.last_revocation(&self.inner, principal).await,
            None => self.inner.last_revocation(principal).await,
        }
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        match self.fault.index() {
            Some(faulty) => faulty.revoke(&self.inner, principal, session, reason).await,
            None => self.inner.revoke(principal, session, reason).await,
        }
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        match self.fault.index() {
            Some(faulty) => faulty.revoke_all(&self.inner, principal, except, reason).await,
            None => self.inner.revoke_all(principal, except, reason).await,
        }
    }
}

#[async_trait]
impl SessionLock for FaultyStore {
    async fn acquire(&self, id: &SessionId, owner: OpId, lease: Duration) -> Result<AcquireOutcome, Error> {
        match (self.inner.acquire(id, owner, lease).await?, self.fault.lock()) {
            (AcquireOutcome::Acquired(token), Some(faulty)) => Ok(AcquireOutcome::Acquired(faulty.token(token))),
            (outcome, _) => Ok(outcome),
        }
    }

    async fn renew(&self, id: &SessionId, token: FencingToken, lease: Duration) -> Result<TenureOutcome, Error> {
        self.inner.renew(id, token, lease).await
    }

    async fn release(&self, id: &SessionId, token: FencingToken) -> Result<TenureOutcome, Error> {
        self.inner.release(id, token).await
    }
}

#[async_trait]
impl ChangeFeed for FaultyStore {
    fn origin(&self) -> Origin {
        self.inner.origin()
    }

    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        match self.fault.feed() {
            Some(faulty) => faulty.subscribe(&self.inner).await,
            None => self.inner.subscribe().await,
        }
    }
}
