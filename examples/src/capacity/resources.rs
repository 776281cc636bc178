//! What all this takes of each resource.
//!
//! A primary of M has ⌈P / M⌉ of the P partitions at most, and that share s of the traffic. Its processor, in seconds per
//! second:
//!
//! | for | is |
//! |---|---|
//! | operations | s · Σ rate · cost |
//! | messages | s · messages · `message_us` |
//! | reads | nodes · min(calls of a node to it, 1 / turn) · `call_us`, and once for each interval of heartbeats and each sign of life |
//! | writes to subscribers | nodes · min(s · changes, 1 / turn) · `write_us` |
//!
//! In a turn of the event loop a connection is read and written once, whatever has come together. A server with nothing else to
//! do makes a turn for every request; a busy one makes longer turns and saves system calls, and may take
//! [`Limits::turn`] for one. So this is what the work *needs*; a server that has time takes more.

use super::{
    constants::Constants,
    traffic::{CONNECTIONS, TOMBSTONE, Traffic, message_bytes},
    workload::{Limits, Topology, Workload},
};

/// Something that there is only so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The thread of a primary that runs the commands.
    ServerCpu,
    /// The memory of a primary.
    ServerMemory,
    /// The network of a primary.
    ServerNetwork,
    /// Connections to a primary.
    ServerConnections,
    /// A node's processor, for hearing of changes.
    HearingCpu,
    /// A node's network, for hearing of changes.
    HearingNetwork,
}

impl Resource {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerCpu => "processor of a primary",
            Self::ServerMemory => "memory of a primary",
            Self::ServerNetwork => "network of a primary",
            Self::ServerConnections => "connections to a primary",
            Self::HearingCpu => "processor of a node, hearing changes",
            Self::HearingNetwork => "network of a node, hearing changes",
        }
    }

    /// Whether it is a server's.
    pub fn is_of_a_server(self) -> bool {
        !matches!(self, Self::HearingCpu | Self::HearingNetwork)
    }
}

/// What is taken of a resource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Use {
    /// Of which.
    pub resource: Resource,
    /// How much: cores, bytes, bytes per second or connections.
    pub used: f64,
    /// Of how much.
    pub limit: f64,
}

impl Use {
    /// As a share of the limit.
    pub fn share(&self) -> f64 {
        self.used / self.limit
    }
}

/// The processor of the fullest primary, in cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerCpu {
    /// For operations.
    pub operations: f64,
    /// For heartbeats and signs of life, with their system calls.
    pub heartbeats: f64,
    /// For messages to subscribers, with their system calls.
    pub fan_out: f64,
    /// For the system calls of operations.
    pub calls: f64,
}

impl ServerCpu {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.operations + self.heartbeats + self.fan_out + self.calls
    }
}

const US: f64 = 1e-6;

/// The largest share of the partitions that one of so many primaries has.
pub fn largest_share(partitions: u32, primaries: u32) -> f64 {
    f64::from(partitions.div_ceil(primaries)) / f64::from(partitions)
}

/// What the fullest primary's processor needs.
pub fn server_cpu(
    workload: &Workload,
    constants: &Constants,
    limits: &Limits,
    traffic: &Traffic,
    primaries: u32,
) -> ServerCpu {
    let share = largest_share(workload.partitions, primaries);
    let (nodes, turns) = (workload.nodes, 1.0 / limits.turn);
    let work: f64 = traffic.operations(constants)[..6].iter().map(|(_, rate, us)| rate * us).sum();
    let signs = traffic.signs_of_life / f64::from(primaries);
    // A cluster's heartbeats of one interval come in one read from each node; a single server gets one anyway.
    let beats = (share * traffic.heartbeats).min(nodes / workload.heartbeat());
    let calls_of_a_node = share * traffic.calls() / nodes;
    ServerCpu {
        operations: share * work * US,
        heartbeats: ((share * traffic.heartbeats + signs) * constants.heartbeat_us
            + (beats + signs) * constants.call_us)
            * US,
        fan_out: (share * traffic.messages * constants.message_us
            + nodes * (share * traffic.changes).min(turns) * constants.write_us)
            * US,
        calls: nodes * calls_of_a_node.min(turns) * constants.call_us * US,
    }
}

/// What is taken of everything, with so many primaries.
pub fn uses(
    workload: &Workload,
    constants: &Constants,
    limits: &Limits,
    traffic: &Traffic,
    primaries: u32,
) -> [Use; 6] {
    let share = largest_share(workload.partitions, primaries);
    let out = share * traffic.bytes_out(workload, constants);
    let heard = traffic.changes * message_bytes(workload, constants);
    let of = |resource, used, limit| Use { resource, used, limit };
    [
        of(Resource::ServerCpu, server_cpu(workload, constants, limits, traffic, primaries).total(), limits.server_cpu),
        of(Resource::ServerMemory, share * memory(workload, constants, traffic), limits.server_memory),
        of(Resource::ServerNetwork, out.max(share * traffic.bytes_in(workload, constants)), limits.server_network),
        of(Resource::ServerConnections, workload.nodes * CONNECTIONS, limits.server_connections),
        of(Resource::HearingCpu, traffic.changes * constants.hear_us * US, limits.hearing_cpu),
        of(Resource::HearingNetwork, heard, limits.hearing_network),
    ]
}

/// What one session takes in Redis.
pub fn session_memory(workload: &Workload, constants: &Constants) -> f64 {
    constants.redis_session_bytes + constants.redis_bytes_per_byte * workload.session_bytes
}

/// The memory of all primaries: sessions, and tombstones, which are reckoned as empty sessions.
pub fn memory(workload: &Workload, constants: &Constants, traffic: &Traffic) -> f64 {
    let tombstones = traffic.destroys * TOMBSTONE;
    workload.sessions * session_memory(workload, constants) + tombstones * constants.redis_session_bytes
}

/// What one copy takes in a node.
pub fn copy_memory(workload: &Workload, constants: &Constants) -> f64 {
    constants.copy_bytes + constants.copy_bytes_per_byte * workload.session_bytes
}

/// How many primaries keep each of a server's resources within its limit: the least number, if any number does.
pub fn primaries_needed(
    workload: &Workload,
    constants: &Constants,
    limits: &Limits,
    traffic: impl Fn(u32) -> Traffic,
) -> Option<u32> {
    let most = match workload.topology {
        Topology::Standalone => 1,
        Topology::Cluster => workload.partitions,
    };
    (1..=most).find(|primaries| {
        let uses = uses(workload, constants, limits, &traffic(*primaries), *primaries);
        uses.iter().filter(|it| it.resource.is_of_a_server()).all(|it| it.share() <= 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_partitions() {
        assert_eq!(largest_share(256, 1), 1.0);
        assert_eq!(largest_share(256, 3), 86.0 / 256.0);
        assert_eq!(largest_share(256, 256), 1.0 / 256.0);
    }

    fn traffic(changes: f64, nodes: f64) -> Traffic {
        Traffic { applies: changes, changes, messages: changes * nodes, ..Traffic::default() }
    }

    fn cpu(changes: f64, nodes: f64, limits: &Limits) -> ServerCpu {
        let workload = Workload { nodes, topology: Topology::Standalone, ..Workload::default() };
        server_cpu(&workload, &Constants::default(), limits, &traffic(changes, nodes), 1)
    }

    /// One message and, while there are fewer changes than turns, one write for each subscriber.
    #[test]
    fn subscribers_cost_the_same_each() {
        let limits = Limits::default();
        let of = |nodes| cpu(100.0, nodes, &limits).fan_out;
        let constants = Constants::default();
        let each = 100.0 * (constants.message_us + constants.write_us) * 1e-6;
        for nodes in [1.0, 4.0, 8.0] {
            assert!((of(nodes) - nodes * each).abs() < 1e-12);
        }
    }

    #[test]
    fn a_longer_turn_saves_writes_and_reads() {
        let short = cpu(10_000.0, 50.0, &Limits { turn: 0.001, ..Limits::default() });
        let long = cpu(10_000.0, 50.0, &Limits { turn: 0.01, ..Limits::default() });
        assert!(long.fan_out < short.fan_out && long.calls < short.calls);
        assert_eq!(long.operations, short.operations);
        assert!((long.total() - long.operations - long.heartbeats - long.fan_out - long.calls).abs() < 1e-12);
    }

    #[test]
    fn as_few_primaries_as_will_do() {
        let workload = Workload { sessions: 1e8, nodes: 10.0, ..Workload::default() };
        let limits = Limits { server_memory: 1e10, ..Limits::default() };
        let constants = Constants::default();
        let needed = primaries_needed(&workload, &constants, &limits, |_| traffic(10.0, 10.0)).unwrap();
        let bytes = 1e8 * session_memory(&workload, &constants);
        assert!(largest_share(256, needed) * bytes <= 1e10 && largest_share(256, needed - 1) * bytes > 1e10);
        let crowded = Workload { nodes: 6_000.0, ..workload };
        assert_eq!(primaries_needed(&crowded, &constants, &limits, |_| traffic(10.0, 10.0)), None);
    }
}
