//! The state that a store holds of a session, as a reader sees it.

use crate::model::{Deadlines, Stamp, State, Timestamp};

/// One state of one session: immutable, shared through an `Arc`, with its values still encoded.
///
/// The order of the fields is deliberate. A store reads the deadlines of every record that it returns. As the first
/// field, they are next to the reference count of the `Arc`, so reading them costs no further memory access.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    pub(crate) deadlines: Deadlines,
    pub(crate) stamp: Stamp,
    created_at: Timestamp,
    pub(crate) state: State,
}

impl Record {
    /// A record from its parts.
    pub fn new(stamp: Stamp, created_at: Timestamp, deadlines: Deadlines, state: State) -> Self {
        Self { deadlines, stamp, created_at, state }
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

    /// The same state with other deadlines.
    #[must_use]
    pub fn with_deadlines(self, deadlines: Deadlines) -> Self {
        Self { deadlines, ..self }
    }
}
