//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{CommandFactory as _, Parser, ValueEnum, error::ErrorKind};
use session_redis::RedisConfig;

const AFTER_HELP: &str = "\
Exit status: 0 when the final state is what the trace adds up to, 1 when anything was lost or resurrected,
2 for wrong flags or a trace that cannot be read, 3 when the store failed or cannot be reached.";

/// Drives a shop's traffic through a session store, from several application nodes and many clients at once, and then
/// compares what the store holds with what the traffic adds up to.
#[derive(Debug, Parser)]
#[command(name = "replay", after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Where the sessions are kept
    #[arg(long, value_enum, default_value_t)]
    pub(crate) store: StoreKind,
    /// The server of `--store redis` or `tiered`: redis://, rediss:// or redis+unix://. All keys of a run bear a prefix of its own,
    /// and are removed when it is over
    #[arg(long, value_name = "URL", conflicts_with = "spawn")]
    pub(crate) url: Option<String>,
    /// Start a server for `--store redis` or `tiered` that ends with the run; `redis-server` must be installed
    #[arg(long)]
    pub(crate) spawn: bool,
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
    /// One Redis or Valkey server, to which each node has its own connections
    Redis,
    /// The same, and each node has a local cache in front of it
    Tiered,
    /// In memory, and each node has a local cache all the same: what a cache costs and does without a network
    TieredMemory,
}

impl StoreKind {
    pub(crate) fn is_tiered(self) -> bool {
        matches!(self, Self::Tiered | Self::TieredMemory)
    }
}

/// Where the sessions are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    /// On the server at this URL.
    Redis(String),
    /// On a server that is started for the run.
    SpawnedRedis,
}

impl Args {
    /// The command line, if it makes sense.
    pub(crate) fn read<A: Into<OsString> + Clone>(
        line: impl IntoIterator<Item = A>,
    ) -> Result<(Self, Place), clap::Error> {
        let args = Self::try_parse_from(line)?;
        let place = args.place().map_err(|(kind, message)| Self::command().error(kind, message))?;
        Ok((args, place))
    }

    fn place(&self) -> Result<Place, (ErrorKind, String)> {
        if self.store.is_tiered() && self.baseline.is_some() {
            return Err((ErrorKind::ArgumentConflict, "the baseline has no local cache".to_owned()));
        }
        let in_memory = matches!(self.store, StoreKind::Memory | StoreKind::TieredMemory);
        match &self.url {
            None if in_memory && !self.spawn => Ok(Place::Memory),
            _ if in_memory => {
                let message = "--url and --spawn belong to --store redis and --store tiered";
                Err((ErrorKind::ArgumentConflict, message.to_owned()))
            }
            None if self.spawn => Ok(Place::SpawnedRedis),
            None => {
                let kind = if self.store == StoreKind::Tiered { "tiered" } else { "redis" };
                let message = format!("--store {kind} needs a server: name one with --url, or start one with --spawn");
                Err((ErrorKind::MissingRequiredArgument, message))
            }
            Some(url) if self.baseline.is_some() && url.starts_with("rediss:") => {
                Err((ErrorKind::ArgumentConflict, "the baseline speaks no TLS: give a redis:// URL".to_owned()))
            }
            Some(url) => match RedisConfig::standalone(url).validate() {
                Ok(()) => Ok(Place::Redis(url.clone())),
                Err(error) => Err((ErrorKind::ValueValidation, format!("--url: {error}"))),
            },
        }
    }
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
    fn redis_is_at_a_url_or_spawned() {
        let place = |line: &str| Args::read(line.split(' ')).unwrap().1;
        assert_eq!(place("replay"), Place::Memory);
        assert_eq!(place("replay --store redis --spawn --baseline blob"), Place::SpawnedRedis);
        assert_eq!(place("replay --store tiered --spawn"), Place::SpawnedRedis);
        assert_eq!(place("replay --store tiered-memory"), Place::Memory);
        let url = "redis://:secret@10.0.0.1:7000/3";
        assert_eq!(place(&format!("replay --store redis --url {url}")), Place::Redis(url.to_owned()));
    }

    #[test]
    fn redis_without_one_server_is_a_usage_error() {
        for (wrong, message) in [
            ("--store redis", "--store redis needs a server"),
            ("--store redis --spawn --url redis://localhost", "cannot be used with"),
            ("--store tiered", "--store tiered needs a server"),
            ("--store tiered-memory --spawn", "belong to --store redis"),
            ("--store tiered --spawn --baseline blob", "no local cache"),
            ("--url redis://localhost", "belong to --store redis"),
            ("--spawn", "belong to --store redis"),
            ("--store redis --url localhost", "--url: "),
            ("--store redis --url rediss://localhost --baseline blob", "speaks no TLS"),
        ] {
            let error = Args::read(format!("replay {wrong}").split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong}");
            assert!(error.to_string().contains(message), "{error}");
        }
        let error = Args::read("replay --store redis --url http://u:secret@localhost".split(' ')).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
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
