//! The use of each resource.
//!
//! Each of M primaries has at most ⌈P / M⌉ of the P partitions and the same share of the traffic. The fullest primary is
//! assumed to have the most requested session as well, which no number of primaries divides. Its processor time, in
//! seconds per second:
//!
//! | for | time |
//! |---|---|
//! | operations | Σ rate · cost |
//! | messages | messages · `message_us` |
//! | reads | nodes · min(calls of a node to it, 1 / turn) · `call_us`, plus one for each heartbeat interval and each health check |
//! | writes to subscribers | nodes · min(changes, 1 / turn) · `write_us` |
//! | turns | min(reads, 1 / turn) · `turn_us` + min(scripts, 1 / turn) · `script_us` |
//!
//! In one turn of the event loop each connection is read and written once, however many requests have arrived. An idle
//! server makes one turn per request. A busy server makes longer turns, up to [`Limits::turn`], and saves system calls:
//! this gives the *minimum* time that the work needs. Turns of zero length give the time that the work takes on a server
//! with time to spare. If that exceeds one core, the turns grow until it is one: [`natural_turn`].

use super::{
    constants::Constants,
    traffic::{CONNECTIONS, Operation, Traffic, tombstone},
    workload::{Limits, Topology, Workload},
};

/// A limited resource.
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
    /// A node's processor, for receiving changes.
    ReceivingCpu,
    /// A node's network, for receiving changes.
    ReceivingNetwork,
}

impl Resource {
    /// The name, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerCpu => "processor of a primary",
            Self::ServerMemory => "memory of a primary",
            Self::ServerNetwork => "network of a primary",
            Self::ServerConnections => "connections to a primary",
            Self::ReceivingCpu => "processor of a node, receiving changes",
            Self::ReceivingNetwork => "network of a node, receiving changes",
        }
    }

    /// Whether it is a resource of a server.
    pub fn is_of_a_server(self) -> bool {
        !matches!(self, Self::ReceivingCpu | Self::ReceivingNetwork)
    }
}

/// The use of a resource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Use {
    /// The resource.
    pub resource: Resource,
    /// The amount used: cores, bytes, bytes per second or connections.
    pub used: f64,
    /// The limit, in the same unit.
    pub limit: f64,
}

impl Use {
    /// The use as a share of the limit.
    pub fn share(&self) -> f64 {
        self.used / self.limit
    }
}

/// The processor time of the fullest primary, in cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerCpu {
    /// For operations.
    pub operations: f64,
    /// For heartbeats and health checks, with their system calls.
    pub heartbeats: f64,
    /// For messages to subscribers, with their system calls.
    pub fan_out: f64,
    /// For the system calls of operations.
    pub calls: f64,
    /// For turns of the event loop.
    pub turns: f64,
}

impl ServerCpu {
    /// The total.
    pub fn total(&self) -> f64 {
        self.operations + self.heartbeats + self.fan_out + self.calls + self.turns
    }
}

const US: f64 = 1e-6;

/// The largest share of partitions on one of this many primaries.
pub fn largest_share(partitions: u32, primaries: u32) -> f64 {
    f64::from(partitions.div_ceil(primaries)) / f64::from(partitions)
}

/// The processor time of the fullest primary if no turn of its event loop is shorter than this, in seconds.
pub fn server_cpu(
    workload: &Workload,
    constants: &Constants,
    turn: f64,
    traffic: &Traffic,
    primaries: u32,
) -> ServerCpu {
    let here = traffic.on_fullest(workload, primaries);
    let (nodes, turns) = (workload.nodes, 1.0 / turn);
    let work = |rate: f64, us: f64| rate * us * US;
    let sum = |operations: &[Operation]| operations.iter().map(|(_, rate, us)| work(*rate, *us)).sum::<f64>();
    // A cluster's heartbeats of one interval come in one read from each node; a single server gets one anyway.
    let beats = here.heartbeats.min(nodes / workload.heartbeat()) + here.health_checks;
    let reads = nodes * (here.calls() / nodes).min(turns);
    let writes = here.subscribers * here.changes().min(turns);
    ServerCpu {
        operations: sum(&here.operations(workload, constants)),
        heartbeats: sum(&here.beats(constants)) + work(beats, constants.call_us),
        fan_out: work(here.messages(), constants.message_us) + work(writes, constants.write_us),
        calls: work(reads, constants.call_us),
        turns: work((reads + beats).min(turns), constants.turn_us)
            + work((here.changes() + here.touches).min(turns), constants.script_us),
    }
}

/// The shortest turn, up to this length, with which a server needs at most one core; infinite if there is none.
pub fn natural_turn(longest: f64, cpu: impl Fn(f64) -> f64) -> f64 {
    if cpu(0.0) <= 1.0 {
        return 0.0;
    }
    if cpu(longest) > 1.0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0.0, longest);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if cpu(middle) > 1.0 { low = middle } else { high = middle }
    }
    high
}

/// The use of every resource with this many primaries.
pub fn uses(
    workload: &Workload,
    constants: &Constants,
    limits: &Limits,
    traffic: &Traffic,
    primaries: u32,
) -> [Use; 6] {
    let here = traffic.on_fullest(workload, primaries);
    let network = here.bytes_out(workload, constants).max(here.bytes_in(workload, constants));
    let cpu = server_cpu(workload, constants, limits.turn, traffic, primaries).total();
    let stored = largest_share(workload.partitions, primaries) * memory(workload, constants, traffic);
    let of = |resource, used, limit| Use { resource, used, limit };
    [
        of(Resource::ServerCpu, cpu, limits.server_cpu),
        of(Resource::ServerMemory, stored, limits.server_memory),
        of(Resource::ServerNetwork, network, limits.server_network),
        of(Resource::ServerConnections, workload.nodes * CONNECTIONS, limits.server_connections),
        of(Resource::ReceivingCpu, traffic.changes() * constants.hear_us * US, limits.receiving_cpu),
        of(Resource::ReceivingNetwork, traffic.heard_bytes(workload, constants), limits.receiving_network),
    ]
}

/// The memory of all primaries: sessions, and tombstones, which count as empty sessions.
pub fn memory(workload: &Workload, constants: &Constants, traffic: &Traffic) -> f64 {
    let tombstones = traffic.destroys * tombstone();
    workload.sessions * constants.stored(workload) + tombstones * constants.redis_session_bytes
}

/// The smallest number of primaries that keeps each resource of a server within its limit, if there is one.
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
        Traffic { applies: changes, subscribers: nodes, ..Traffic::default() }
    }

    fn cpu(changes: f64, nodes: f64, turn: f64) -> ServerCpu {
        let workload = Workload { nodes, topology: Topology::Standalone, ..Workload::default() };
        server_cpu(&workload, &Constants::of_tests(), turn, &traffic(changes, nodes), 1)
    }

    /// Each subscriber costs one message and, while there are fewer changes than turns, one write.
    #[test]
    fn subscribers_cost_the_same_each() {
        let constants = Constants::of_tests();
        let each = 100.0 * (constants.message_us + constants.write_us) * 1e-6;
        for nodes in [1.0, 4.0, 8.0] {
            assert!((cpu(100.0, nodes, 0.01).fan_out - nodes * each).abs() < 1e-12);
        }
    }

    #[test]
    fn a_longer_turn_saves_writes_and_reads() {
        let [short, long] = [0.001, 0.01].map(|turn| cpu(10_000.0, 50.0, turn));
        assert!(long.fan_out < short.fan_out && long.calls < short.calls && long.turns < short.turns);
        assert_eq!(long.operations, short.operations);
        let parts = long.operations + long.heartbeats + long.fan_out + long.calls + long.turns;
        assert!((long.total() - parts).abs() < 1e-12);
    }

    /// A server with time to spare makes a turn for each request; a busy one makes turns as long as it must.
    #[test]
    fn turns_grow_until_there_is_time() {
        assert_eq!(natural_turn(0.01, |turn| cpu(100.0, 8.0, turn).total()), 0.0);
        let busy = |turn| cpu(20_000.0, 100.0, turn).total();
        let turn = natural_turn(0.01, busy);
        assert!(busy(0.0) > 1.0 && (busy(turn) - 1.0).abs() < 1e-6, "{turn}");
        assert_eq!(natural_turn(0.01, |_| 2.0), f64::INFINITY);
    }

    #[test]
    fn no_number_of_primaries_divides_the_hottest_session() {
        let hottest = super::super::traffic::Hottest { applies: 60.0, ..Default::default() };
        let traffic = Traffic { applies: 100.0, hottest, ..Traffic::default() };
        let applies = |primaries| traffic.on_fullest(&Workload::default(), primaries).applies;
        assert_eq!((applies(1), applies(2), applies(256)), (100.0, 80.0, 60.0 + 40.0 / 256.0));
    }

    /// Redis stores small sessions as listpacks and others as hash tables, which take more memory.
    #[test]
    fn memory_depends_on_the_shape_of_a_session() {
        let constants = Constants::of_tests();
        let of = |entries: f64, value: f64| {
            let bytes = entries * (value + 8.0);
            constants.stored(&Workload {
                entries,
                session_bytes: bytes,
                value_bytes: Some(value),
                ..Workload::default()
            })
        };
        assert!(of(8.0, 66.0) > 1.3 * of(8.0, 64.0), "{} {}", of(8.0, 66.0), of(8.0, 64.0));
        assert!(of(510.0, 10.0) > 1.3 * of(508.0, 10.0));
        assert!(of(16.0, 20.0) > of(8.0, 48.0), "the same bytes in more entries take more");
    }

    #[test]
    fn as_few_primaries_as_will_do() {
        let workload = Workload { sessions: 1e8, nodes: 10.0, ..Workload::default() };
        let limits = Limits { server_memory: 1e10, ..Limits::default() };
        let constants = Constants::of_tests();
        let needed = primaries_needed(&workload, &constants, &limits, |_| traffic(10.0, 10.0)).unwrap();
        let bytes = 1e8 * constants.stored(&workload);
        assert!(largest_share(256, needed) * bytes <= 1e10 && largest_share(256, needed - 1) * bytes > 1e10);
        let crowded = Workload { nodes: 6_000.0, ..workload };
        assert_eq!(primaries_needed(&crowded, &constants, &limits, |_| traffic(10.0, 10.0)), None);
    }
}
