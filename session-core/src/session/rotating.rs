//! Moving the session to a new id.

use std::time::Duration;

use super::{
    Base, Session,
    commit::Settled,
    sent::{Request, Sent},
};
use crate::{Error, Expiry, OpId, Rotation, RotationKind, SessionId, SignIn};

/// Which rotation, and what else changes in the same atomic step.
#[derive(Clone, Debug)]
pub struct Rotate {
    kind: RotationKind,
    sign_in: Option<SignIn>,
    expiry: Option<Expiry>,
}

impl Rotate {
    /// Periodic: the old id forwards to the session for the grace, so that requests in flight are not disturbed.
    pub fn renew() -> Self {
        Self { kind: RotationKind::Renew, sign_in: None, expiry: None }
    }

    /// At a sign-in or step-up: the old id, which an attacker may have planted, gives no access from that moment.
    pub fn privilege() -> Self {
        Self { kind: RotationKind::Privilege, ..Self::renew() }
    }

    /// Signs a principal in.
    #[must_use]
    pub fn sign_in(self, sign_in: SignIn) -> Self {
        Self { sign_in: Some(sign_in), ..self }
    }

    /// Sets new deadlines, as for "remember me".
    #[must_use]
    pub fn expiry(self, expiry: Expiry) -> Self {
        Self { expiry: Some(expiry), ..self }
    }

    pub(crate) fn into_rotation(self, from: &SessionId, grace: Duration) -> Result<Rotation, Error> {
        let rotation = Rotation::new(OpId::draw()?, from.generate_sibling()?, self.kind).with_grace(grace);
        Ok(Rotation { sign_in: self.sign_in, expiry: self.expiry, ..rotation })
    }
}

/// What became of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Rotated {
    /// The handle has a new id. Set the cookie.
    NewId,
    /// Another request has just rotated the session and sets the cookie. Set none; what was recorded is still to be
    /// committed.
    AlreadyRotated,
}

impl Session {
    /// Moves the session to a new id, with what was recorded, in one atomic step. A session that is not stored yet is
    /// stored.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) also when a "sign out everywhere" overtook the sign-in; otherwise those
    /// of [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// If the future is dropped, the session is at the old id or at the new one; the next commit settles it, and then
    /// [`id`](Self::id) tells.
    pub async fn rotate(&mut self, rotate: Rotate) -> Result<Rotated, Error> {
        let old = *self.digest();
        self.settle().await?;
        if *self.digest() != old {
            // A rotation of an earlier call is settled now; that is the one that was asked for again.
            self.commit().await?;
            return Ok(Rotated::NewId);
        }
        if let Base::New(new) = &mut self.base {
            new.sign_in = rotate.sign_in;
            new.expiry = rotate.expiry.unwrap_or(new.expiry);
            self.commit().await?;
            return Ok(Rotated::NewId);
        }
        let rotation = rotate.into_rotation(&self.id, self.sessions.policy().rotation_grace)?;
        let rotation = rotation.with_delta(std::mem::take(&mut self.pending));
        self.sent = Some(Sent::new(Request::Rotate(rotation)));
        match self.settle().await? {
            Settled::AlreadyRotated => Ok(Rotated::AlreadyRotated),
            Settled::Done(_) | Settled::Nothing => Ok(Rotated::NewId),
        }
    }

    fn digest(&self) -> &crate::IdDigest {
        self.id.digest()
    }
}
