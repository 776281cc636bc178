//! The capabilities of a twisted store.

use std::{fmt::Debug, time::Duration};

use session_core::{
    Error, Principal, SessionId,
    model::{EndReason, IdDigest},
    store::{
        AcquireOutcome, ChangeFeed, FencingToken, IndexedSession, LockOwner, Origin, SessionIndex, SessionLock,
        Subscription, TenureOutcome, async_trait,
    },
};

use super::Twisted;
use crate::toy::Toy;

#[async_trait]
pub(crate) trait TwistedIndex: Send + Sync {
    async fn sessions(&self, inner: &Toy, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        inner.sessions(principal, limit).await
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
    ) -> Result<usize, Error> {
        inner.revoke_all(principal, except, reason).await
    }
}

pub(crate) trait TwistedLock: Debug + Send + Sync {
    /// The token that a new holder is told.
    fn token(&self, token: FencingToken) -> FencingToken;
}

#[async_trait]
pub(crate) trait TwistedFeed: Send + Sync {
    async fn subscribe(&self, inner: &Toy) -> Result<Subscription, Error>;
}

#[async_trait]
impl SessionIndex for Twisted {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        match self.twist.index() {
            Some(twisted) => twisted.sessions(&self.inner, principal, limit).await,
            None => self.inner.sessions(principal, limit).await,
        }
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        match self.twist.index() {
            Some(twisted) => twisted.revoke(&self.inner, principal, session, reason).await,
            None => self.inner.revoke(principal, session, reason).await,
        }
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<usize, Error> {
        match self.twist.index() {
            Some(twisted) => twisted.revoke_all(&self.inner, principal, except, reason).await,
            None => self.inner.revoke_all(principal, except, reason).await,
        }
    }
}

#[async_trait]
impl SessionLock for Twisted {
    async fn acquire(&self, id: &SessionId, owner: LockOwner, lease: Duration) -> Result<AcquireOutcome, Error> {
        match (self.inner.acquire(id, owner, lease).await?, self.twist.lock()) {
            (AcquireOutcome::Acquired(token), Some(twisted)) => Ok(AcquireOutcome::Acquired(twisted.token(token))),
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
impl ChangeFeed for Twisted {
    fn origin(&self) -> Origin {
        self.inner.origin()
    }

    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        match self.twist.feed() {
            Some(twisted) => twisted.subscribe(&self.inner).await,
            None => self.inner.subscribe().await,
        }
    }
}
