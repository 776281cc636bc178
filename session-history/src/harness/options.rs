//! The options of a run.

use std::{path::PathBuf, time::Duration};

use super::{FaultKind, Topology};
use crate::worker::Mutant;

/// The options of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The topology.
    pub topology: Topology,
    /// The seed of all choices.
    pub seed: u64,
    /// How long clients send requests.
    pub time: Duration,
    /// The number of nodes. The last has no cache.
    pub nodes: u32,
    /// The number of clients of each node.
    pub clients: u32,
    /// The faults; those that the topology does not have are left out.
    pub faults: Vec<FaultKind>,
    /// The defect of all nodes.
    pub mutant: Option<Mutant>,
    /// The program of the workers, which takes `worker` as its argument.
    pub worker: PathBuf,
    /// The directory of the history and of the servers' logs, which exists.
    pub dir: PathBuf,
}

impl Options {
    /// The file of the history.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.dir.join("history.jsonl")
    }
}

/// The staleness bound of the caches.
pub(super) const MAX_STALENESS: Duration = Duration::from_millis(500);
/// The deadline of a call of the stores.
pub(super) const CALL_DEADLINE: Duration = Duration::from_secs(1);
/// Added to every bound in time by the checker: the stores count milliseconds.
pub(super) const SLACK: Duration = Duration::from_millis(20);
/// How old an acknowledged write may be that no replica has: `min-replicas-max-lag` is one second, and Redis counts whole
/// seconds once a second.
pub(super) const REPLICATION_LAG: Duration = Duration::from_secs(3);
/// How long an old id is remembered: more than ten call deadlines.
pub(super) const GRACE: Duration = Duration::from_secs(15);
