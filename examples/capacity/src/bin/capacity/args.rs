//! The command line.

use std::path::PathBuf;

use capacity::{Limits, Routing, Topology, Workload};
use clap::{Parser, ValueEnum};

const AFTER_HELP: &str = "\
Numbers may be written as 100e6; durations are in seconds, sizes in bytes. \
Exit status: 0 if every resource stays within its limit, 1 if one does not, \
2 for wrong options or an unreadable report.";

/// Computes what a service needs of Redis and of its nodes, which resource runs out first, and what to do about it.
#[derive(Debug, Parser)]
#[command(name = "capacity", after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Live sessions
    #[arg(long, value_name = "N")]
    sessions: f64,
    /// Requests per second on all nodes together; each loads one session
    #[arg(long, value_name = "N")]
    rps: f64,
    /// Application nodes, each with a local cache
    #[arg(long, value_name = "N", value_parser = whole)]
    nodes: u32,
    /// The share of the requests that commit a change
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    write_share: f64,
    /// The share of the requests that renew a deadline; by default, that of `Sessions`
    #[arg(long, value_name = "SHARE")]
    touch_share: Option<f64>,
    /// The node that a request goes to
    #[arg(long, value_enum, default_value_t = RoutingArg::Random)]
    routing: RoutingArg,
    /// The exponent of Zipf's law: the n-th session is requested in proportion to n^-ZIPF
    #[arg(long, value_name = "ZIPF", default_value_t = 0.9)]
    zipf: f64,
    /// Bytes of names and values of one session
    #[arg(long, value_name = "BYTES", default_value_t = 300.0)]
    session_bytes: f64,
    /// Entries of one session
    #[arg(long, value_name = "N", default_value_t = 8.0)]
    entries: f64,
    /// Bytes of the largest value of a session; by default, the mean of names and values
    #[arg(long, value_name = "BYTES")]
    value_bytes: Option<f64>,
    /// Bytes of names and values of one update
    #[arg(long, value_name = "BYTES", default_value_t = 40.0)]
    delta_bytes: f64,
    /// The lifetime of a session
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600.0)]
    life: f64,
    /// The idle timeout
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800.0)]
    idle: f64,
    /// The share of the sessions that are destroyed and do not expire
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    destroy_share: f64,
    /// The capacity of a node's cache
    #[arg(long, value_name = "BYTES", default_value_t = 64.0 * 1_024.0 * 1_024.0)]
    local_bytes: f64,
    /// The longest time that a copy is served without revalidation
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    max_age: f64,
    /// The bound on staleness
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    max_staleness: f64,
    /// The heartbeat interval; by default, a quarter of the bound on staleness
    #[arg(long, value_name = "SECONDS")]
    heartbeat: Option<f64>,
    /// Partitions of the store
    #[arg(long, value_name = "N", default_value = "256", value_parser = whole)]
    partitions: u32,
    /// Primaries; by default, as many as are needed
    #[arg(long, alias = "shards", value_name = "N", value_parser = whole)]
    primaries: Option<u32>,
    /// The arrangement of the servers
    #[arg(long, value_enum, default_value_t = TopologyArg::Cluster)]
    topology: TopologyArg,
    /// The limit of a primary's processor: a share of one core
    #[arg(long, value_name = "CORES", default_value_t = Limits::default().server_cpu)]
    cpu_limit: f64,
    /// The limit of a primary's memory
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().server_memory)]
    memory_limit: f64,
    /// The limit of a primary's network, per second and direction
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().server_network)]
    network_limit: f64,
    /// The limit of connections to a primary
    #[arg(long, value_name = "N", default_value_t = Limits::default().server_connections)]
    connections_limit: f64,
    /// The limit of a node's processor for receiving changes: a share of one core
    #[arg(long, value_name = "CORES", default_value_t = Limits::default().receiving_cpu)]
    receiving_limit: f64,
    /// The limit of a node's network for receiving changes, per second
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().receiving_network)]
    node_network_limit: f64,
    /// The longest turn of a server's event loop
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().turn)]
    turn: f64,
    /// A report of the benches whose constants replace the built-in ones
    #[arg(long, value_name = "FILE")]
    pub(crate) constants: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoutingArg {
    /// Any node
    Random,
    /// The session's own node
    Sticky,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TopologyArg {
    /// One primary, plain channels
    Standalone,
    /// Any number of primaries, sharded channels
    Cluster,
}

impl Args {
    /// The service to compute.
    pub(crate) fn workload(&self) -> Workload {
        Workload {
            sessions: self.sessions,
            requests: self.rps,
            nodes: f64::from(self.nodes),
            write_share: self.write_share,
            touch_share: self.touch_share,
            routing: match self.routing {
                RoutingArg::Random => Routing::Random,
                RoutingArg::Sticky => Routing::Sticky,
            },
            popularity: self.zipf,
            session_bytes: self.session_bytes,
            entries: self.entries,
            value_bytes: self.value_bytes,
            delta_bytes: self.delta_bytes,
            life: self.life,
            idle: self.idle,
            destroy_share: self.destroy_share,
            local_bytes: self.local_bytes,
            max_age: self.max_age,
            max_staleness: self.max_staleness,
            heartbeat: self.heartbeat,
            partitions: self.partitions,
            primaries: self.primaries,
            topology: match self.topology {
                TopologyArg::Standalone => Topology::Standalone,
                TopologyArg::Cluster => Topology::Cluster,
            },
        }
    }

    /// The limits of a server and a node.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            server_cpu: self.cpu_limit,
            server_memory: self.memory_limit,
            server_network: self.network_limit,
            server_connections: self.connections_limit,
            receiving_cpu: self.receiving_limit,
            receiving_network: self.node_network_limit,
            turn: self.turn,
        }
    }
}

/// Parses a whole number, which may be written as 1e3.
fn whole(text: &str) -> Result<u32, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    if is_whole { Ok(number as u32) } else { Err(format!("{number} is not a whole number from 0 to {}", u32::MAX)) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn read(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("capacity").chain(line.split(' ')))
    }

    #[test]
    fn the_flags_hang_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_model() {
        let args = read("--sessions 1e6 --rps 1e4 --nodes 8").unwrap();
        assert_eq!(args.workload(), Workload::default());
        assert_eq!(args.limits(), Limits::default());
    }

    #[test]
    fn numbers_may_have_exponents() {
        let args = read("--sessions 100e6 --rps 1.5e5 --nodes 5e2 --shards 1e1").unwrap();
        let workload = args.workload();
        assert_eq!((workload.sessions, workload.requests, workload.nodes), (1e8, 1.5e5, 500.0));
        assert_eq!(workload.primaries, Some(10));
    }

    #[test]
    fn wrong_flags_are_usage_errors() {
        for wrong in [
            "--rps 1 --nodes 1",
            "--sessions many --rps 1 --nodes 1",
            "--sessions 1 --rps 1 --nodes 1.5",
            "--sessions 1 --rps 1 --nodes 1 --routing best",
            "--sessions 1 --rps 1 --nodes -1",
        ] {
            assert_eq!(read(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }
}
