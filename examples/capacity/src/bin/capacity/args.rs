//! The command line.

use std::path::PathBuf;

use capacity::{Limits, Routing, Topology, Workload};
use clap::{Parser, ValueEnum};

const AFTER_HELP: &str = "\
Numbers may be written as 100e6; durations are in seconds, sizes in bytes. \
Exit status: 0 when everything keeps within its limit, 1 when something does not, \
2 for wrong flags or a report that cannot be read.";

/// Computes what a service needs of Redis and of its nodes, where it breaks first, and what to do about it.
#[derive(Debug, Parser)]
#[command(name = "capacity", after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Sessions that live at the same time
    #[arg(long, value_name = "N")]
    sessions: f64,
    /// Requests per second on all nodes; each loads one session
    #[arg(long, value_name = "N")]
    rps: f64,
    /// Application nodes, each with a local cache
    #[arg(long, value_name = "N", value_parser = whole)]
    nodes: u32,
    /// The share of the requests that commit a change
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    write_share: f64,
    /// The share of the requests that renew a deadline; without it, what `Sessions` does
    #[arg(long, value_name = "SHARE")]
    touch_share: Option<f64>,
    /// Which node a request goes to
    #[arg(long, value_enum, default_value_t = RoutingArg::Random)]
    routing: RoutingArg,
    /// The n-th session is requested in proportion to n^-ZIPF
    #[arg(long, value_name = "ZIPF", default_value_t = 0.9)]
    zipf: f64,
    /// Names and values of one session
    #[arg(long, value_name = "BYTES", default_value_t = 300.0)]
    session_bytes: f64,
    /// Entries of one session
    #[arg(long, value_name = "N", default_value_t = 8.0)]
    entries: f64,
    /// The largest value of a session; without it, the mean of names and values
    #[arg(long, value_name = "BYTES")]
    value_bytes: Option<f64>,
    /// Names and values of one update
    #[arg(long, value_name = "BYTES", default_value_t = 40.0)]
    delta_bytes: f64,
    /// How long a session lives
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600.0)]
    life: f64,
    /// The idle timeout
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800.0)]
    idle: f64,
    /// The share of the sessions that end by a destroy and not by a deadline
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    destroy_share: f64,
    /// The capacity of a node's cache
    #[arg(long, value_name = "BYTES", default_value_t = 64.0 * 1_024.0 * 1_024.0)]
    local_bytes: f64,
    /// How long a copy is served without the store's word
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    max_age: f64,
    /// The bound on staleness
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    max_staleness: f64,
    /// Between two heartbeats; without it, a quarter of the bound on staleness
    #[arg(long, value_name = "SECONDS")]
    heartbeat: Option<f64>,
    /// Partitions of the store
    #[arg(long, value_name = "N", default_value = "256", value_parser = whole)]
    partitions: u32,
    /// Primaries; without it, as many as it takes
    #[arg(long, alias = "shards", value_name = "N", value_parser = whole)]
    primaries: Option<u32>,
    /// How the servers stand to each other
    #[arg(long, value_enum, default_value_t = TopologyArg::Cluster)]
    topology: TopologyArg,
    /// What a primary's processor may be used for commands: a share of one core
    #[arg(long, value_name = "CORES", default_value_t = Limits::default().server_cpu)]
    cpu_limit: f64,
    /// The memory of a primary
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().server_memory)]
    memory_limit: f64,
    /// The network of a primary, one way, per second
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().server_network)]
    network_limit: f64,
    /// Connections to a primary
    #[arg(long, value_name = "N", default_value_t = Limits::default().server_connections)]
    connections_limit: f64,
    /// What a node's processor may be used for hearing of changes: a share of one core
    #[arg(long, value_name = "CORES", default_value_t = Limits::default().hearing_cpu)]
    hearing_limit: f64,
    /// The network of a node for hearing of changes, per second
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().hearing_network)]
    node_network_limit: f64,
    /// How long a turn of a server's event loop may take
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().turn)]
    turn: f64,
    /// Take the constants that a run of the benches' report measured, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    pub(crate) constants: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoutingArg {
    /// Any node
    Random,
    /// The session's own
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
    /// What is to be served.
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

    /// What a server and a node can take.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            server_cpu: self.cpu_limit,
            server_memory: self.memory_limit,
            server_network: self.network_limit,
            server_connections: self.connections_limit,
            hearing_cpu: self.hearing_limit,
            hearing_network: self.node_network_limit,
            turn: self.turn,
        }
    }
}

/// A whole number, which may be written as 1e3.
fn whole(text: &str) -> Result<u32, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    if is_whole { Ok(number as u32) } else { Err(format!("{number} is no whole number from 0 to {}", u32::MAX)) }
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
