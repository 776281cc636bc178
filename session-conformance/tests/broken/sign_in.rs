//! Faults of sign-ins.

use session_core::{
    Error, ErrorKind, LoadOptions, Principal, SessionCap, SessionId, SignIn,
    model::{EndReason, OpId, Record},
    store::{
        Absent, Found, IndexedSession, LoadOutcome, RotateOutcome, Rotation, SessionIndex as _, SessionStore,
        async_trait,
    },
};

use super::{Fault, fault::FaultyIndex};
use crate::toy::Toy;

/// The principal of the session at an id, or why there is no session.
async fn principal_at(inner: &Toy, id: &SessionId) -> Result<Result<Option<Principal>, Absent>, Error> {
    Ok(match inner.load(id, LoadOptions::default()).await? {
        LoadOutcome::Found(found) => Ok(found.record.principal().cloned()),
        LoadOutcome::Absent(absent) => Err(absent),
        _ => Ok(None),
    })
}

/// The loser of two sign-ins is refused, and so is a sign-in with the cookie of an ended session.
#[derive(Debug, Default)]
pub(crate) struct NeedsTheOldId;

#[async_trait]
impl Fault for NeedsTheOldId {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        match principal_at(inner, id).await? {
            Err(Absent::Superseded) => Ok(RotateOutcome::AlreadyRotated),
            Err(absent) => Ok(absent.into()),
            Ok(_) => inner.rotate(id, rotation).await,
        }
    }
}

/// The second of two forms signs in to an empty session.
#[derive(Debug, Default)]
pub(crate) struct LosesTheCart;

#[async_trait]
impl Fault for LosesTheCart {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        match principal_at(inner, id).await? {
            Err(Absent::Superseded) => inner.rotate(&id.generate_sibling()?, rotation).await,
            _ => inner.rotate(id, rotation).await,
        }
    }
}

/// A second user gets the roles of the first.
#[derive(Debug, Default)]
pub(crate) struct InheritsEntries;

#[async_trait]
impl Fault for InheritsEntries {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let LoadOutcome::Found(found) = inner.load(id, LoadOptions::default()).await? else {
            return inner.rotate(id, rotation).await;
        };
        let state = found.record.state();
        let fields = state.scalars().map(|(field, _)| field).chain(state.keyed_fields()).cloned();
        let all = rotation.sign_in.clone().map(|sign_in| sign_in.with_kept_fields(fields));
        inner.rotate(id, &Rotation { sign_in: all, ..rotation.clone() }).await
    }
}

/// A sign-in that is repeated after its session has ended signs in again.
#[derive(Debug, Default)]
pub(crate) struct RevivesByRepeating;

#[async_trait]
impl Fault for RevivesByRepeating {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let ended = matches!(principal_at(inner, &rotation.to).await?, Err(Absent::NotFound(Some(_))));
        if ended && rotation.sign_in.is_some() {
            inner.table().0.remove(rotation.to.digest());
            inner.table().0.remove(id.digest());
            let write = OpId::generate()?.into();
            return inner.rotate(id, &Rotation { write, ..rotation.clone() }).await;
        }
        inner.rotate(id, rotation).await
    }
}

/// Counts the session that a sign-in copies against the cap.
#[derive(Debug, Default)]
pub(crate) struct CountsTheCopied;

#[async_trait]
impl Fault for CountsTheCopied {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        if let (Some(sign_in), Err(Absent::Superseded)) = (&rotation.sign_in, principal_at(inner, id).await?)
            && let Some(SessionCap::Refuse(most)) = sign_in.cap()
            && inner.sessions(sign_in.principal(), most).await?.len() >= most
        {
            return Err(Error::new(ErrorKind::LimitExceeded, "the principal has too many sessions"));
        }
        inner.rotate(id, rotation).await
    }
}

/// Ends a session that the sign-in does not copy, instead of refusing the sign-in.
#[derive(Debug, Default)]
pub(crate) struct EndsWhatItDoesNotCopy;

#[async_trait]
impl Fault for EndsWhatItDoesNotCopy {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        match (inner.rotate(id, rotation).await, &rotation.sign_in) {
            (Err(full), Some(sign_in))
                if full.kind() == ErrorKind::LimitExceeded && principal_at(inner, id).await?.is_err() =>
            {
                drop(inner.revoke_all(sign_in.principal(), None, EndReason::Limit).await?);
                inner.rotate(id, rotation).await
            }
            (outcome, _) => outcome,
        }
    }
}

/// Records do not name the principal.
#[derive(Debug, Default)]
pub(crate) struct NamesNoPrincipal;

#[async_trait]
impl Fault for NamesNoPrincipal {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        Ok(match inner.load(id, options).await? {
            LoadOutcome::Found(found) => {
                let Found { record, .. } = &found;
                let bare = Record::new(record.stamp(), record.created_at(), record.deadlines(), record.state().clone());
                LoadOutcome::Found(Found { record: bare.into(), ..found })
            }
            other => other,
        })
    }
}

/// The index has no notes.
#[derive(Debug, Default)]
pub(crate) struct ForgetsNotes;

impl Fault for ForgetsNotes {
    fn index(&self) -> Option<&dyn FaultyIndex> {
        Some(self)
    }
}

#[async_trait]
impl FaultyIndex for ForgetsNotes {
    async fn sessions(&self, inner: &Toy, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let sessions = inner.sessions(principal, limit).await?;
        Ok(sessions.into_iter().map(|session| IndexedSession { note: None, ..session }).collect())
    }
}

/// Ignores which revocation a sign-in knows.
#[derive(Debug, Default)]
pub(crate) struct IgnoresRevocations;

#[async_trait]
impl Fault for IgnoresRevocations {
    async fn rotate(&self, inner: &Toy, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let plain = rotation.sign_in.as_ref().map(|sign_in| SignIn::new(sign_in.principal().clone()));
        inner.rotate(id, &Rotation { sign_in: plain, ..rotation.clone() }).await
    }
}

/// Takes values over without the incarnation to which they are bound, so that sealed ones cannot be opened.
#[derive(Debug, Default)]
pub(crate) struct ForgetsTheBinding;

#[async_trait]
impl Fault for ForgetsTheBinding {
    async fn load(&self, inner: &Toy, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        Ok(match inner.load(id, options).await? {
            LoadOutcome::Found(found) => {
                let own = found.record.stamp().incarnation();
                let record = found.record.as_ref().clone().with_bound_to(own);
                LoadOutcome::Found(Found { record: record.into(), ..found })
            }
            other => other,
        })
    }
}
