//! Answers of a process.

use serde::{Deserialize, Serialize};

use super::SeenStamp;

/// A session as a client saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Its stamp.
    pub stamp: SeenStamp,
    /// The elements of the set, in order.
    pub elements: Vec<u64>,
    /// The value of the register, if it was written.
    pub register: Option<u64>,
    /// The counter; 0 if it was never incremented.
    pub counter: u64,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Outcome {
    /// The load found the session.
    Found {
        /// The session as it was found.
        state: State,
    },
    /// There is no session at this id.
    Absent {
        /// A sign-in replaced the id.
        superseded: bool,
        /// The store remembers that the session was ended.
        ended: bool,
    },
    /// The write was acknowledged.
    Done {
        /// The stamp in the answer, if it has one.
        stamp: Option<SeenStamp>,
        /// The value that an increment wrote.
        value: Option<u64>,
        /// An earlier attempt had made the write.
        repeated: bool,
    },
    /// A precondition failed, or another rotation came first. Nothing was changed.
    Conflict,
    /// The request failed, and the answer says that nothing was changed.
    Refused {
        /// The kind of the failure.
        kind: String,
    },
    /// The request failed, and may have been carried out.
    Unknown {
        /// The kind of the failure.
        kind: String,
    },
}

impl Outcome {
    /// Whether the write was acknowledged.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    /// Whether the write was certainly not made.
    #[must_use]
    pub fn is_without_effect(&self) -> bool {
        matches!(self, Self::Absent { .. } | Self::Conflict | Self::Refused { .. })
    }

    /// The state that a load found.
    #[must_use]
    pub fn state(&self) -> Option<&State> {
        match self {
            Self::Found { state } => Some(state),
            _ => None,
        }
    }
}
