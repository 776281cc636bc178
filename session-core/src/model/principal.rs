//! Principals and sign-ins.

use std::fmt;

use bytes::Bytes;
use smol_str::SmolStr;

use crate::{Error, ErrorKind, defaults, model::Field, store::RevocationId};

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

/// A note of the application about a signed-in session, such as its device, its place and when it was last seen, for the
/// list of a principal's sessions. It has at most 256 bytes, in a format that the application chooses.
///
/// `Debug` does not print it. On Redis, a note of more than 64 bytes makes a small session take more memory.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Note(Bytes);

impl Note {
    /// The longest note, in bytes.
    const MAX_LEN: usize = 256;

    /// A note of these bytes.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when there are more than 256 bytes.
    pub fn new(note: impl Into<Bytes>) -> Result<Self, Error> {
        let note = note.into();
        if note.len() > Self::MAX_LEN {
            return Err(Error::new(ErrorKind::InvalidInput, "a note has at most 256 bytes"));
        }
        Ok(Self(note))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Note(redacted)")
    }
}

/// A principal to sign in, how many sessions it may have, a note about this one, and what it takes over from another
/// principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    principal: Principal,
    cap: Option<SessionCap>,
    note: Option<Note>,
    kept_fields: Vec<Field>,
    last_revocation: Option<RevocationId>,
}

/// How many sessions one principal may have, and what happens when a sign-in exceeds that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionCap {
    /// The sign-in is refused with [`LimitExceeded`](ErrorKind::LimitExceeded).
    Refuse(usize),
    /// The sessions that signed in longest ago are ended, with [`EndReason::Limit`](crate::model::EndReason::Limit). If
    /// there are many more than the cap allows, a sign-in may end only a part of them; then the next ones end the others.
    EndOldest(usize),
}

impl SignIn {
    /// Allows [1,000](defaults::SESSIONS_PER_PRINCIPAL) sessions, of which a further sign-in ends the oldest.
    pub fn new(principal: Principal) -> Self {
        let cap = Some(SessionCap::EndOldest(defaults::SESSIONS_PER_PRINCIPAL));
        Self { principal, cap, note: None, kept_fields: Vec::new(), last_revocation: None }
    }

    /// Allows at most this many sessions, including this one.
    #[must_use]
    pub fn with_cap(mut self, cap: SessionCap) -> Self {
        self.cap = Some(cap);
        self
    }

    /// Allows any number of sessions. Work over all of them, such as "sign out everywhere", then takes as many steps as
    /// they need.
    #[must_use]
    pub fn without_cap(mut self) -> Self {
        self.cap = None;
        self
    }

    /// Adds a note about the session. [`IndexedSession::note`](crate::store::IndexedSession::note) returns it, and a
    /// [touch](crate::store::TouchOptions::note) may replace it.
    #[must_use]
    pub fn with_note(mut self, note: Note) -> Self {
        self.note = Some(note);
        self
    }

    /// Keeps the entries of these fields, scalars and keyed entries alike, if the principal signs in over a session of
    /// *another* principal. All other entries of that session stay with its own principal, and end with it. A sign-in
    /// over a session without a principal, or of the same principal, keeps all entries anyway.
    #[must_use]
    pub fn with_kept_fields(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.kept_fields = fields.into_iter().collect();
        self
    }

    /// Refuses the sign-in with [`Conflict`](ErrorKind::Conflict) if all sessions of the principal have been revoked since
    /// this revocation. [Get](crate::Sessions::last_revocation) it before you check the password: if the password is changed
    /// and all sessions are revoked during the check, the sign-in fails. The store remembers a revocation for as long as a
    /// tombstone (10 min by default), so a check must not take longer.
    #[must_use]
    pub fn with_last_revocation(mut self, revocation: RevocationId) -> Self {
        self.last_revocation = Some(revocation);
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

    /// The note about the session, if there is one.
    pub fn note(&self) -> Option<&Note> {
        self.note.as_ref()
    }

    /// The last revocation that the sign-in knows of, if a later one refuses it.
    pub fn last_revocation(&self) -> Option<RevocationId> {
        self.last_revocation
    }

    /// The fields whose entries are kept when another principal was signed in.
    pub fn kept_fields(&self) -> &[Field] {
        &self.kept_fields
    }
}
