//! The state that a store holds of a session, as a reader sees it.

use crate::{
    Principal,
    model::{Deadlines, Incarnation, Stamp, State, Timestamp},
};

/// One state of one session: immutable, shared through an `Arc`, with its values still encoded.
///
/// The order of the fields is deliberate. A store reads the deadlines of every record that it returns. As the first
/// field, they are next to the reference count of the `Arc`, so reading them costs no further memory access.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    pub(crate) deadlines: Deadlines,
    pub(crate) stamp: Stamp,
    pub(crate) created_at: Timestamp,
    pub(crate) state: State,
    pub(crate) signed_in: Option<(Principal, Timestamp)>,
    pub(crate) unconfirmed: bool,
    pub(crate) bound_to: Option<Incarnation>,
}

impl Record {
    /// A record of a session without a principal, at an id that needs no confirmation.
    pub fn new(stamp: Stamp, created_at: Timestamp, deadlines: Deadlines, state: State) -> Self {
        Self { deadlines, stamp, created_at, state, signed_in: None, unconfirmed: false, bound_to: None }
    }

    /// Identifies the state and its session.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// When the session was created, on the store's clock. Rotation does not change it.
    pub fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When the session ends by itself, as of the moment it was read. A touch moves the store's deadline, not this one.
    pub fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// The entries.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The principal that is signed in.
    pub fn principal(&self) -> Option<&Principal> {
        self.signed_in.as_ref().map(|(principal, _)| principal)
    }

    /// When that principal last signed in to this session, on the store's clock. A rotation without a sign-in does not
    /// change it.
    pub fn signed_in_at(&self) -> Option<Timestamp> {
        self.signed_in.as_ref().map(|(_, at)| *at)
    }

    /// Whether the session was renewed and its new id has not been used yet. Until it is, the old id gives access too.
    /// A write or a touch at the new id confirms the renewal.
    pub fn is_unconfirmed(&self) -> bool {
        self.unconfirmed
    }

    /// The incarnation to which codecs bind the values: that of the session, unless a sign-in has started it with values
    /// of an earlier one.
    pub fn bound_to(&self) -> Incarnation {
        self.bound_to.unwrap_or(self.stamp.incarnation())
    }

    /// The same session in another state.
    #[must_use]
    pub fn with_state(&self, stamp: Stamp, state: State) -> Self {
        let Self { deadlines, created_at, unconfirmed, bound_to, .. } = *self;
        Self { deadlines, stamp, created_at, state, signed_in: self.signed_in.clone(), unconfirmed, bound_to }
    }

    /// The same state with other deadlines.
    #[must_use]
    pub fn with_deadlines(self, deadlines: Deadlines) -> Self {
        Self { deadlines, ..self }
    }

    /// The same state, with a principal that signed in at a moment of the store's clock.
    #[must_use]
    pub fn with_sign_in(self, principal: Principal, at: Timestamp) -> Self {
        Self { signed_in: Some((principal, at)), ..self }
    }

    /// The same state, with values that are bound to this incarnation.
    #[must_use]
    pub fn with_bound_to(self, incarnation: Incarnation) -> Self {
        let bound_to = (incarnation != self.stamp.incarnation()).then_some(incarnation);
        Self { bound_to, ..self }
    }

    /// The same state, at an id whose renewal is unconfirmed or not.
    #[must_use]
    pub fn with_unconfirmed(self, unconfirmed: bool) -> Self {
        Self { unconfirmed, ..self }
    }
}
