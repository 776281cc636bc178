//! Requests to a process.

use serde::{Deserialize, Serialize};

/// One life of one node of the application: a process that is killed and started again has the next life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Process {
    /// The number of the node.
    pub node: u32,
    /// How often the node was started before.
    pub life: u32,
}

/// How fresh a load must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A local copy may answer.
    Local,
    /// The store answers.
    Store,
}

/// The kinds of rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotationKind {
    /// The old id forwards until the new one is used, and for the grace after that.
    Renew,
    /// The old id gives no access from that moment.
    Privilege,
}

/// The parts of a stamp that order states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenStamp {
    /// The identity of the session for its whole life.
    pub incarnation: u64,
    /// 1 after the create, and one more with every applied update.
    pub version: u64,
}

/// A request. Elements and values of registers are written once in a run, so each names the update that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Op {
    /// Stores a new session.
    Create,
    /// Reads the session.
    Load {
        /// How fresh the answer must be.
        level: Level,
        /// The oldest state that the caller accepts.
        floor: Option<SeenStamp>,
        /// Whether this is a read after the run, when all faults have ended.
        settled: bool,
    },
    /// Adds an element to the set.
    Add {
        /// The element.
        element: u64,
    },
    /// Removes an element from the set.
    Remove {
        /// The element.
        element: u64,
    },
    /// Writes the register.
    Set {
        /// The new value.
        value: u64,
    },
    /// Loads the session and writes its counter plus one, provided that the stamp is still the same.
    Increment,
    /// Renews the idle deadline.
    Touch,
    /// Moves the session to another of its ids.
    Rotate {
        /// The number of the new id.
        to: u32,
        /// The kind.
        kind: RotationKind,
        /// How long the old id is remembered, in microseconds.
        grace: u64,
    },
    /// Ends the session.
    Destroy,
}

/// A request to a process, about the session at one of its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The process.
    pub process: Process,
    /// The number of the session.
    pub session: u32,
    /// The number of the id under which the session is asked for; 0 is the first.
    pub id: u32,
    /// The request.
    pub op: Op,
}
