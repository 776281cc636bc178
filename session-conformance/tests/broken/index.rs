//! Faults of principals and locks.

use std::{cmp::Reverse, collections::HashSet, sync::Mutex};

use session_core::{
    Error, Principal, SessionCap, SessionId, SignIn,
    model::{EndReason, IdDigest},
    store::{
        Applied, ApplyOutcome, CreateOutcome, FencingToken, IndexedSession, NewSession, Precondition, RevokedAll,
        RotateOutcome, Rotation, SessionIndex as _, SessionStore, Update, async_trait,
        machine::{Slot, Slots as _},
    },
};

use super::{
    Fault,
    fault::{FaultyIndex, FaultyLock},
};
use crate::toy::Toy;

/// The session moves, its index entry does not.
#[derive(Debug, Default)]
pub(crate) struct ForgetsRotations(Mutex<HashSet<IdDigest>>);

#[async_trait]
impl Fault for ForgetsRotations {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.0.lock().unwrap().insert(*rotation.to.digest());
        inner.rotate(id, rotation).await
    }

    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for ForgetsRotations {
    async fn sessions(&self, inner: &Toy, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let mut sessions = inner.sessions(principal, limit).await?;
        sessions.retain(|session| !self.0.lock().unwrap().contains(&session.digest));
        Ok(sessions)
    }
}

/// ZADD with the time of the create.
#[derive(Debug, Default)]
pub(crate) struct ListsByCreation;

impl Fault for ListsByCreation {
    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for ListsByCreation {
    async fn sessions(&self, inner: &Toy, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let mut sessions = inner.sessions(principal, limit).await?;
        let (table, _) = inner.table();
        sessions.sort_by_key(|session| match table.get(&session.digest) {
            Some(Slot::Live(live)) => Reverse(live.record().created_at()),
            _ => Reverse(session.signed_in_at),
        });
        Ok(sessions)
    }
}

/// Revokes only the first page of a scan.
#[derive(Debug, Default)]
pub(crate) struct RevokesAllButOne;

impl Fault for RevokesAllButOne {
    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for RevokesAllButOne {
    async fn revoke_all(
        &self,
        inner: &Toy,
        principal: &Principal,
        _: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        let mut ended = Vec::new();
        for session in inner.sessions(principal, 1_000).await?.iter().skip(1) {
            if inner.revoke(principal, &session.digest, reason).await? {
                ended.push(session.digest);
            }
        }
        Ok(RevokedAll { ended, left: 0 })
    }
}

/// "All but this one" compares ids and does not follow a forward.
#[derive(Debug, Default)]
pub(crate) struct RevokesTheExceptedSession;

impl Fault for RevokesTheExceptedSession {
    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for RevokesTheExceptedSession {
    async fn revoke_all(
        &self,
        inner: &Toy,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        let mut ended = Vec::new();
        for session in inner.sessions(principal, 1_000).await? {
            if except.map(SessionId::digest) != Some(&session.digest)
                && inner.revoke(principal, &session.digest, reason).await?
            {
                ended.push(session.digest);
            }
        }
        Ok(RevokedAll { ended, left: 0 })
    }
}

/// The session is written first, the index entry in a second round trip.
#[derive(Debug, Default)]
pub(crate) struct ListsAfterCreating(Mutex<HashSet<IdDigest>>);

#[async_trait]
impl Fault for ListsAfterCreating {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.0.lock().unwrap().insert(*id.digest());
        let outcome = inner.create(id, new).await?;
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.0.lock().unwrap().remove(id.digest());
        Ok(outcome)
    }

    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for ListsAfterCreating {
    async fn sessions(&self, inner: &Toy, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let mut sessions = inner.sessions(principal, limit).await?;
        sessions.retain(|session| !self.0.lock().unwrap().contains(&session.digest));
        Ok(sessions)
    }
}

/// The index entry is written first, as it should be; but a revocation that meets an entry whose session does not exist
/// yet drops the entry and leaves no tombstone. So the sign-in in flight succeeds unlisted.
#[derive(Debug, Default)]
pub(crate) struct RevokesWithoutTombstones(Mutex<HashSet<IdDigest>>);

#[async_trait]
impl Fault for RevokesWithoutTombstones {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.0.lock().unwrap().insert(*id.digest());
        tokio::task::yield_now().await;
        inner.create(id, new).await
    }

    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for RevokesWithoutTombstones {
    async fn sessions(&self, inner: &Toy, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let mut sessions = inner.sessions(principal, limit).await?;
        sessions.retain(|session| self.0.lock().unwrap().contains(&session.digest));
        Ok(sessions)
    }

    async fn revoke_all(
        &self,
        inner: &Toy,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        self.0.lock().unwrap().clear();
        inner.revoke_all(principal, except, reason).await
    }
}

/// Lists first, then ends the sessions at those ids; a session that moves in between escapes.
#[derive(Debug, Default)]
pub(crate) struct RevokesWhatItListed;

impl Fault for RevokesWhatItListed {
    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for RevokesWhatItListed {
    async fn revoke(
        &self,
        inner: &Toy,
        principal: &Principal,
        session: &IdDigest,
        reason: EndReason,
    ) -> Result<bool, Error> {
        let listed = inner.sessions(principal, 1_000).await?;
        Ok(listed.iter().any(|it| it.digest == *session) && inner.revoke(principal, session, reason).await?)
    }

    async fn revoke_all(
        &self,
        inner: &Toy,
        principal: &Principal,
        _: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        let mut ended = Vec::new();
        for session in inner.sessions(principal, 1_000).await? {
            tokio::task::yield_now().await;
            if self.revoke(inner, principal, &session.digest, reason).await? {
                ended.push(session.digest);
            }
        }
        Ok(RevokedAll { ended, left: 0 })
    }
}

/// Ignores caps on the number of sessions.
#[derive(Debug, Default)]
pub(crate) struct HasNoCaps;

fn uncapped(sign_in: Option<&SignIn>) -> Option<SignIn> {
    sign_in.map(|sign_in| SignIn::new(sign_in.principal().clone()))
}

#[async_trait]
impl Fault for HasNoCaps {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        inner.create(id, &NewSession { sign_in: uncapped(new.sign_in.as_ref()), ..new.clone() }).await
    }

    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        inner.rotate(id, &Rotation { sign_in: uncapped(rotation.sign_in.as_ref()), ..rotation.clone() }).await
    }
}

/// Enforces the cap of a repeated create on the sessions that there are by then.
#[derive(Debug, Default)]
pub(crate) struct EnforcesTheCapAgain;

#[async_trait]
impl Fault for EnforcesTheCapAgain {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let outcome = inner.create(id, new).await?;
        if let (CreateOutcome::Created(Applied { repeated: true, .. }), Some(sign_in)) = (&outcome, &new.sign_in)
            && let Some(SessionCap::EndOldest(most)) = sign_in.cap()
        {
            for session in inner.sessions(sign_in.principal(), usize::MAX).await?.into_iter().skip(most) {
                inner.revoke(sign_in.principal(), &session.digest, EndReason::Limit).await?;
            }
        }
        Ok(outcome)
    }
}

/// The number of entries that a scan returns at a time.
const PAGE: usize = 100;

/// Sorts the first page of a scan, which is in no order, and takes the latest sessions of that.
#[derive(Debug, Default)]
pub(crate) struct ListsOnePage;

impl Fault for ListsOnePage {
    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for ListsOnePage {
    async fn sessions(&self, inner: &Toy, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let mut sessions = inner.sessions(principal, usize::MAX).await?;
        sessions.sort_by_key(|session| session.digest);
        sessions.truncate(PAGE);
        sessions.sort_by_key(|session| Reverse(session.signed_in_at));
        sessions.truncate(limit);
        Ok(sessions)
    }
}

/// Ends one page of sessions, and does not say that others are left.
#[derive(Debug, Default)]
pub(crate) struct RevokesOnePage;

impl Fault for RevokesOnePage {
    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for RevokesOnePage {
    async fn revoke_all(
        &self,
        inner: &Toy,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        if inner.sessions(principal, usize::MAX).await?.len() <= PAGE {
            return inner.revoke_all(principal, except, reason).await;
        }
        let mut ended = Vec::new();
        for session in inner.sessions(principal, PAGE).await? {
            if except.map(SessionId::digest) != Some(&session.digest)
                && inner.revoke(principal, &session.digest, reason).await?
            {
                ended.push(session.digest);
            }
        }
        Ok(RevokedAll { ended, left: 0 })
    }
}

/// Gives up on the cap where the list is too long to be read in time, and says nothing.
#[derive(Debug, Default)]
pub(crate) struct CapsShortListsOnly;

#[async_trait]
impl Fault for CapsShortListsOnly {
    async fn create(&self, inner: &Toy, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let Some(sign_in) = &new.sign_in else { return inner.create(id, new).await };
        let is_long = inner.sessions(sign_in.principal(), usize::MAX).await?.len() > PAGE;
        let sign_in = if is_long { uncapped(new.sign_in.as_ref()) } else { new.sign_in.clone() };
        inner.create(id, &NewSession { sign_in, ..new.clone() }).await
    }
}

/// A lock that does not fence updates.
#[derive(Debug, Default)]
pub(crate) struct DoesNotFence;

#[async_trait]
impl Fault for DoesNotFence {
    async fn apply(&self, inner: &Toy, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let mut update = update.clone();
        update.preconditions.retain(|precondition| !matches!(precondition, Precondition::Lock(_)));
        inner.apply(id, &update).await
    }
}

/// SET NX: a token without a counter.
#[derive(Debug, Default)]
pub(crate) struct NeverCounts;

impl Fault for NeverCounts {
    fn lock(&self) -> Option<&dyn FaultyLock> {
        Some(self)
    }
}

impl FaultyLock for NeverCounts {
    fn token(&self, token: FencingToken) -> FencingToken {
        FencingToken { owner: token.owner, counter: 1 }
    }
}
