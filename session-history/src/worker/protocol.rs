//! The lines between the harness and a worker.

use serde::{Deserialize, Serialize};

use crate::{
    history::{Counters, Op, Outcome},
    worker::Mutant,
};

/// How the servers are organised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopologyKind {
    /// One server.
    Single,
    /// A primary of this name under sentinels.
    Sentinel(String),
    /// A cluster.
    Cluster,
}

/// The store of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// The Redis store alone.
    Redis,
    /// A cache in front of the Redis store.
    Tiered,
}

/// How a node is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeConfig {
    /// How the servers are organised.
    pub topology: TopologyKind,
    /// Where this node reaches them.
    pub urls: Vec<String>,
    /// The store.
    pub store: StoreKind,
    /// The staleness bound of a tiered store.
    pub max_staleness_ms: u64,
    /// The deadline of a call.
    pub call_deadline_ms: u64,
    /// The defect of this node, if it is a mutant.
    pub mutant: Option<Mutant>,
}

/// A request to a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Identifies the request.
    pub call: u64,
    /// The request; without one, the worker answers with its counters.
    pub op: Option<Op>,
    /// The session's id.
    pub id: String,
    /// The new id of a rotation.
    pub to: Option<String>,
    /// How often a write is sent at most, with the same op id.
    pub attempts: u32,
}

/// The content of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The outcome of an operation.
    Outcome(Outcome),
    /// The counters, and whether the store can be reached.
    Counters(Counters, bool),
}

/// A line of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The node is connected.
    Ready(bool),
    /// The answer to a request.
    Answer(u64, Answer),
}
