//! Principals and sign-ins.

use std::fmt;

use smol_str::SmolStr;

use crate::{Error, ErrorKind};

/// The identity of the signed-in user, which is the key of a [`SessionIndex`](crate::store::SessionIndex): 1 to 255
/// bytes of UTF-8, such as a user id.
///
/// `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal(SmolStr);

impl Principal {
    /// The longest principal, in bytes.
    pub(crate) const MAX_LEN: usize = 255;

    /// The principal with this name.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the name is empty or longer than 255 bytes.
    pub fn new(name: &str) -> Result<Self, Error> {
        match name.len() {
            1..=Self::MAX_LEN => Ok(Self(SmolStr::new(name))),
            _ => Err(Error::new(ErrorKind::InvalidInput, "a principal has 1 to 255 bytes")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Principal(redacted)")
    }
}

/// A principal to sign in, and how many sessions it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    principal: Principal,
    cap: Option<SessionCap>,
}

/// How many sessions one principal may have, and what happens when a sign-in exceeds that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionCap {
    /// The sign-in is refused with [`LimitExceeded`](ErrorKind::LimitExceeded).
    Refuse(usize),
    /// The sessions that signed in longest ago are ended, with [`EndReason::Limit`](crate::model::EndReason::Limit).
    EndOldest(usize),
}

impl SignIn {
    /// Allows any number of sessions.
    pub fn new(principal: Principal) -> Self {
        Self { principal, cap: None }
    }

    /// Allows at most this many sessions, including this one.
    #[must_use]
    pub fn with_cap(mut self, cap: SessionCap) -> Self {
        self.cap = Some(cap);
        self
    }

    /// The principal that signs in.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The cap on the principal's sessions, if there is one.
    pub fn cap(&self) -> Option<SessionCap> {
        self.cap
    }
}
