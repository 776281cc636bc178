//! The requests that both stores receive.

use std::time::Duration;

use session_core::{
    Error, LoadOptions, Principal, SessionId,
    model::{EndReason, OpId},
    store::{Absent, Destroy, FencingToken, NewSession, Rotation, SessionStore, TouchOptions, Update},
};

use crate::answer::{Answer, Standing};

#[derive(Clone, Debug)]
pub(crate) enum Request {
    Create(SessionId, NewSession),
    Load(SessionId, LoadOptions),
    Apply(SessionId, Update),
    Touch(SessionId, TouchOptions),
    Rotate(SessionId, Rotation),
    Destroy(SessionId, Destroy),
    Acquire(SessionId, OpId, Duration),
    Renew(SessionId, FencingToken, Duration),
    Release(SessionId, FencingToken),
    Sessions(Principal),
    Revoke(Principal, SessionId),
    RevokeAll(Principal, Option<SessionId>),
}

impl Request {
    /// Whether it signs a principal in. Times of sign-ins must differ, so that their order is the same.
    pub(crate) fn signs_in(&self) -> bool {
        match self {
            Self::Create(_, new) => new.sign_in.is_some(),
            Self::Rotate(_, rotation) => rotation.sign_in.is_some(),
            _ => false,
        }
    }

    /// The id at which the request puts a session.
    pub(crate) fn target(&self) -> Option<SessionId> {
        match self {
            Self::Create(id, _) => Some(*id),
            Self::Rotate(_, rotation) => Some(rotation.to),
            _ => None,
        }
    }

    pub(crate) async fn send(&self, store: &dyn SessionStore) -> Answer {
        self.try_send(store).await.unwrap_or_else(|error| Answer::Refused(error.kind()))
    }

    async fn try_send(&self, store: &dyn SessionStore) -> Result<Answer, Error> {
        let (lock, index) = (store.lock().unwrap(), store.index().unwrap());
        Ok(match self {
            Self::Create(id, new) => store.create(id, new).await?.into(),
            Self::Load(id, options) => store.load(id, *options).await?.into(),
            Self::Apply(id, update) => store.apply(id, update).await?.into(),
            Self::Touch(id, options) => store.touch(id, options.clone()).await?.into(),
            Self::Rotate(id, rotation) => store.rotate(id, rotation).await?.into(),
            Self::Destroy(id, destroy) => store.destroy(id, destroy).await?.into(),
            Self::Acquire(id, owner, lease) => lock.acquire(id, *owner, *lease).await?.into(),
            Self::Renew(id, token, lease) => Answer::Tenure(lock.renew(id, *token, *lease).await?.into()),
            Self::Release(id, token) => Answer::Tenure(lock.release(id, *token).await?.into()),
            Self::Sessions(principal) => {
                Answer::Sessions(index.sessions(principal, 100).await?.iter().map(|session| session.digest).collect())
            }
            Self::Revoke(principal, id) => {
                Answer::Ended(index.revoke(principal, id.digest(), EndReason::Revoked).await?)
            }
            Self::RevokeAll(principal, except) => {
                let revoked = index.revoke_all(principal, except.as_ref(), EndReason::Revoked).await?;
                assert!(revoked.is_complete());
                Answer::Revoked(revoked.ended.into_iter().collect())
            }
        })
    }
}

/// The state of all sessions.
pub(crate) async fn survey(store: &dyn SessionStore, ids: &[SessionId]) -> Vec<Answer> {
    let mut all = Vec::with_capacity(ids.len());
    for id in ids {
        all.push(Request::Load(*id, LoadOptions::default()).send(store).await);
    }
    all
}

impl From<session_core::store::TenureOutcome> for Standing {
    fn from(outcome: session_core::store::TenureOutcome) -> Self {
        use session_core::store::TenureOutcome as Outcome;
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Lost => Self::Lost,
            Outcome::Absent(Absent::NotFound(ended)) => Self::NotFound(ended.map(|ended| ended.reason)),
            Outcome::Absent(Absent::Superseded) => Self::Superseded,
            other => panic!("{other:?}"),
        }
    }
}
