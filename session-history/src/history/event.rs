//! The lines of a history.

use serde::{Deserialize, Serialize};

use super::{Invocation, Micros, Outcome, Process};

/// The first line: how the run was set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The topology, for the reader.
    pub topology: String,
    /// The seed of the choices.
    pub seed: u64,
    /// The mutant that the workers are, if any.
    pub mutant: Option<String>,
    /// The staleness bound that the stores were built with, in microseconds. Zero means that no load is answered locally.
    pub max_staleness: Micros,
    /// The deadline of a call of the stores.
    pub call_deadline: Micros,
    /// The time that the checker adds to every bound: the clocks of stores count milliseconds.
    pub slack: Micros,
    /// The nodes that have a cache, and so count the history that they find to be lost.
    pub caching_nodes: Vec<u32>,
    /// An acknowledged write may be this old and not have reached any replica.
    pub replication_lag: Micros,
}

/// The counters with which a product reports that its store lost acknowledged writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Losses that the cache has found.
    pub history_lost: u64,
    /// Acknowledged destroys that had been lost, and were repeated.
    pub destroys_undone: u64,
    /// Loads that were answered locally, for the reader.
    pub hits: u64,
}

/// A fault that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// A description, for the reader.
    pub what: String,
    /// When it began.
    pub since: Micros,
    /// Whether the store may lose acknowledged writes by it, as its documentation says.
    pub loses_writes: bool,
}

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A request was sent to a process.
    Invoked {
        /// When.
        at: Micros,
        /// Identifies the call.
        call: u64,
        /// The request.
        request: Invocation,
    },
    /// A process answered. A call without this line has no known outcome.
    Completed {
        /// When.
        at: Micros,
        /// The call.
        call: u64,
        /// The answer.
        outcome: Outcome,
    },
    /// A fault begins; for the reader.
    FaultBegan {
        /// When.
        at: Micros,
        /// A description.
        what: String,
    },
    /// A fault has ended.
    FaultEnded {
        /// When.
        at: Micros,
        /// The fault.
        fault: Fault,
    },
    /// The counters of a process at the end of the run.
    Counted {
        /// When.
        at: Micros,
        /// The process.
        process: Process,
        /// The counters.
        counters: Counters,
    },
}
