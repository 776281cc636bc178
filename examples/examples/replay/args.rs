//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

const AFTER_HELP: &str = "\
Exit status: 0 when the final state is what the trace adds up to, 1 when anything was lost or resurrected,
2 for wrong flags or a trace that cannot be read, 3 when the store failed.";

/// Drives a shop's traffic through a session store, from several application nodes and many clients at once, and then
/// compares what the store holds with what the traffic adds up to.
#[derive(Debug, Parser)]
#[command(name = "replay", after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Where the sessions are kept
    #[arg(long, value_enum, default_value_t)]
    pub(crate) store: StoreKind,
    /// Application nodes: handles on the one store, each used by some of the clients
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) nodes: u16,
    /// Requests in flight at once, over all nodes
    #[arg(long, value_name = "M", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) clients: u16,
    /// A recorded trace, Online Retail (.csv) or a stream of big-endian u32 keys (.u32be), zstd-compressed or not;
    /// without it, traffic is generated
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Do the same with the way of most session libraries: load everything, modify it, save it whole
    #[arg(long, value_enum)]
    pub(crate) baseline: Option<Baseline>,
    /// Read this many lines of the trace, or generate this many requests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) lines: Option<u32>,
    /// Seed of whatever the trace leaves to chance
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// The stores to choose from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKind {
    /// In memory, shared by all nodes
    #[default]
    Memory,
}

/// What to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Baseline {
    /// One value that holds the whole session, loaded, modified and saved unconditionally
    Blob,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_four_nodes_and_sixty_four_clients_on_memory() {
        let args = Args::try_parse_from(["replay"]).unwrap();
        assert_eq!((args.store, args.nodes, args.clients, args.baseline), (StoreKind::Memory, 4, 64, None));
    }

    #[test]
    fn wrong_flags_are_usage_errors() {
        for wrong in
            [&["--nodes", "0"][..], &["--clients", "many"], &["--store", "floppy"], &["--lines", "0"], &["--what"]]
        {
            let error = Args::try_parse_from([&["replay"], wrong].concat()).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong:?}");
        }
    }
}
