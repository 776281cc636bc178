//! The settings of a run, generated from its seed.

use std::time::Duration;

use super::Millis;

/// The shape of one run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Application nodes, each with a store of its own.
    pub nodes: usize,
    /// Shards, each a primary and a replica.
    pub shards: usize,
    /// Partitions, spread over the shards.
    pub partitions: u16,
    /// Clients per node.
    pub clients: usize,
    /// Operations per client.
    pub operations: usize,
    /// Sessions that the clients share.
    pub sessions: usize,
    /// Faults.
    pub faults: usize,
    /// The bound of I1.
    pub max_staleness: Duration,
    /// The bound of I10.
    pub max_age: Duration,
    /// The interval of heartbeats.
    pub heartbeat: Duration,
    /// The capacity of a node's cache in entries.
    pub capacity: u64,
    /// The interval of self-checks. Few runs have them: a self-check looks like a revalidation to the oracle.
    pub self_check: Option<Duration>,
    /// The idle timeout of sessions.
    pub idle: Duration,
    /// Whether `barrier()` returns before its item is in the stream, as in an embedded store, or after it, as across a
    /// network.
    pub eager_barriers: bool,
}

/// The deadline of a call.
pub(crate) const CALL_DEADLINE: Millis = 1_000;
/// How long a primary without its replica still accepts writes and heartbeats. A failover takes longer.
pub(crate) const MIN_REPLICAS_LAG: Millis = 300;
/// The lifetime of a tombstone: longer than a run.
pub(crate) const TOMBSTONE: Duration = Duration::from_secs(600);

impl Settings {
    /// The settings of a run.
    pub(crate) fn random(rng: &mut fastrand::Rng) -> Self {
        let millis = Duration::from_millis;
        let max_staleness = rng.u64(4..=15) * 100;
        Self {
            nodes: rng.usize(3..=4),
            shards: rng.usize(1..=2),
            partitions: 4,
            clients: rng.usize(2..=3),
            operations: rng.usize(36..=60),
            sessions: rng.usize(3..=6),
            faults: rng.usize(5..=9),
            max_staleness: millis(max_staleness),
            max_age: millis(rng.u64(2_000..=6_000)),
            heartbeat: millis(max_staleness / rng.u64(3..=4)),
            capacity: if rng.u8(..4) == 0 { 3 } else { 64 },
            self_check: (rng.u8(..5) == 0).then_some(millis(700)),
            idle: millis(rng.u64(2_500..=9_000)),
            eager_barriers: rng.bool(),
        }
    }
}
