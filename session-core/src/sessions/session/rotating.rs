//! Rotation: moving the session to a new id.

use super::{Base, Session, sent::Request, settle::Settled};
use crate::{
    Error, Expiry, LoadOptions, ReadLevel, SessionId, SignIn,
    sessions::Sessions,
    store::{Absent, Found, LoadOutcome, Rotation, RotationKind},
};

/// The kind of a rotation, and the other changes of the same atomic step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotate {
    kind: RotationKind,
    sign_in: Option<SignIn>,
    expiry: Option<Expiry>,
}

impl Rotate {
    /// A periodic rotation. The old id forwards to the session until the new one is used, and for the grace after that. A
    /// lost response therefore ends no session, and requests in flight are not disturbed.
    pub fn renew() -> Self {
        Self { kind: RotationKind::Renew, sign_in: None, expiry: None }
    }

    /// A rotation at a sign-in or step-up. From that moment the store refuses the old id, which an attacker may have
    /// planted. A local cache may answer reads at the old id for as long as it may be stale.
    pub fn privilege() -> Self {
        Self { kind: RotationKind::Privilege, ..Self::renew() }
    }

    /// Signs a principal in. That is always a [privilege](Self::privilege) rotation: after a renewal, the old id, which
    /// may be planted, would give access to the signed-in session. It sets new deadlines, those of the policy unless
    /// [`with_expiry`](Self::with_expiry) sets others.
    ///
    /// A sign-in does not depend on what has become of the old id; [`Sessions::sign_in`](crate::Sessions::sign_in) has
    /// the table. If it starts a new session, the handle continues with that one, and loads it.
    #[must_use]
    pub fn with_sign_in(self, sign_in: SignIn) -> Self {
        Self { kind: RotationKind::Privilege, sign_in: Some(sign_in), ..self }
    }

    /// Sets new deadlines, for example for "remember me".
    #[must_use]
    pub fn with_expiry(self, expiry: Expiry) -> Self {
        Self { expiry: Some(expiry), ..self }
    }

    pub(crate) fn into_rotation(self, from: &SessionId, sessions: &Sessions) -> Result<Rotation, Error> {
        let policy = sessions.policy();
        Ok(Rotation {
            grace: policy.rotation_grace,
            confirm_within: policy.confirm_within,
            expiry: self.expiry.or(self.sign_in.is_some().then_some(policy.expiry)),
            sign_in: self.sign_in,
            ..Rotation::new(sessions.write_options()?, from.generate_sibling()?, self.kind)
        })
    }
}

/// The result of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Rotated {
    /// The session is at [`Session::id`], and the client must receive that id: set the cookie. It is a new one, except
    /// for a session that this call has stored for the first time: that one keeps the id with which it was created.
    NewId,
    /// Another request has just rotated the session and sets the cookie. Do not set a cookie. The recorded changes are
    /// not stored. After a renewal a commit can still store them; after a sign-in it fails with
    /// [`Superseded`](crate::ErrorKind::Superseded). A sign-in never gets this answer.
    AlreadyRotated,
}

impl Session {
    /// Moves the session to a new id, with the recorded changes, in one atomic step. A session that is not stored yet
    /// is stored. If the handle holds a [lock](Self::lock), the recorded changes are committed first, under the lock.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), for a sign-in only when a "sign out everywhere" overtook it; otherwise
    /// those of [`commit`](Self::commit). A sign-in that has started another session loads it; if that load fails, the
    /// error is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), and the next call loads it.
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is at the old id or at the new one. The next commit, or another call with
    /// the same rotation, settles it; then [`id`](Self::id) returns the current id.
    pub async fn rotate(&mut self, rotate: Rotate) -> Result<Rotated, Error> {
        if let Settled::Rotated(requested) = self.settle_first().await?
            && requested == rotate
        {
            // An earlier call with the same rotation is now settled. Changes recorded since then follow.
            self.send(Vec::new()).await?;
            return Ok(Rotated::NewId);
        }
        if rotate.sign_in.is_some() {
            // A sign-in starts a new session where an id has none, so its answer does not tell that the old id is over.
            self.load_by_old_id(LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() }).await?;
        }
        let request = match &self.base {
            Base::Ended(_) => return Err(self.destroyed()),
            Base::New(new) => {
                let mut new = new.clone();
                new.sign_in = rotate.sign_in.clone();
                new.expiry = rotate.expiry.unwrap_or(new.expiry);
                Request::Create { new, requested: Some(rotate) }
            }
            Base::Stored { .. } => {
                if self.fence.is_some() {
                    self.send(Vec::new()).await?;
                }
                let Base::Stored { seen: base, .. } = self.base else { return Err(self.destroyed()) };
                let rotation = Rotation {
                    bound_to: Some(self.bound_to()),
                    ..rotate.clone().into_rotation(&self.id, &self.sessions)?
                };
                Request::Rotate { rotation, requested: rotate, base }
            }
        };
        Ok(match self.send_with_pending(request).await? {
            Settled::AlreadyRotated => Rotated::AlreadyRotated,
            _ => Rotated::NewId,
        })
    }

    /// After its own renewal a handle goes on with the old id, until the store no longer knows it. It is loaded from the
    /// store without a report: an old id that is over is no fork if this handle has renewed it.
    pub(super) async fn load_by_old_id(&mut self, options: LoadOptions) -> Result<Option<Found>, Error> {
        let Some(old) = self.old_id else { return Ok(None) };
        match self.sessions.store().load(&old, options).await? {
            LoadOutcome::Found(found) => return Ok(Some(found)),
            LoadOutcome::Absent(Absent::NotFound(_)) => self.old_id = None,
            LoadOutcome::Absent(Absent::Superseded) | LoadOutcome::Unchanged(_) => {}
        }
        Ok(None)
    }
}
