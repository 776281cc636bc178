//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{CommandFactory as _, Parser, ValueEnum, error::ErrorKind};

const AFTER_HELP: &str = "\
Redis, local caches and recorded traces are features of this program: `--features redis`, `tiered`, `traces` or `full`.

Exit status: 0 if the final state is what the traffic adds up to, 1 if anything was lost or resurrected,
2 for wrong options, options of a missing feature, or an unreadable trace, 3 if the store failed or cannot be reached.";

/// Drives a shop's traffic through a session store, from several application nodes and many concurrent clients, and
/// compares the final state of the store with what the traffic adds up to.
#[derive(Debug, Parser)]
#[command(name = "replay", after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The store that keeps the sessions
    #[arg(long, value_enum, default_value_t)]
    pub(crate) store: StoreKind,
    /// The server of `--store redis` or `tiered`: redis://, rediss:// or redis+unix://. The keys of a run have their own
    /// prefix and are removed at its end
    #[arg(long, value_name = "URL", conflicts_with = "spawn")]
    pub(crate) url: Option<String>,
    /// Start a server for `--store redis` or `tiered`, and stop it after the run; `redis-server` must be installed
    #[arg(long)]
    pub(crate) spawn: bool,
    /// Application nodes: handles to the same store, each used by some of the clients
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) nodes: u16,
    /// Concurrent requests on all nodes together
    #[arg(long, value_name = "M", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) clients: u16,
    /// A recorded trace: Online Retail (.csv) or a stream of big-endian u32 keys (.u32be), plain or zstd-compressed.
    /// Without it, traffic is generated
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Handle the same requests the way most session libraries do: load the whole session, modify it, save it
    #[arg(long, value_enum)]
    pub(crate) baseline: Option<Baseline>,
    /// The number of lines to read from the trace, or of requests to generate
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) lines: Option<u32>,
    /// The seed of all random choices
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

/// The choice of stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKind {
    /// In memory, shared by all nodes
    #[default]
    Memory,
    /// On one Redis or Valkey server, to which each node has its own connections
    Redis,
    /// The same, with a local cache on each node
    Tiered,
    /// In memory, with a local cache on each node: the effect and the cost of a cache without a network
    TieredMemory,
}

impl StoreKind {
    pub(crate) fn is_tiered(self) -> bool {
        matches!(self, Self::Tiered | Self::TieredMemory)
    }
}

/// The place of the sessions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    /// The server at this URL.
    #[cfg(feature = "redis")]
    Redis(String),
    /// A server that is started for the run.
    #[cfg(feature = "redis")]
    SpawnedRedis,
}

impl Args {
    /// Parses the command line and checks that its options fit together.
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
        if in_memory && (self.url.is_some() || self.spawn) {
            let message = "--url and --spawn belong to --store redis and --store tiered";
            return Err((ErrorKind::ArgumentConflict, message.to_owned()));
        }
        let missing = self.missing_features();
        if !missing.is_empty() {
            return Err((ErrorKind::InvalidValue, turn_on(&missing)));
        }
        if in_memory { Ok(Place::Memory) } else { self.on_server() }
    }

    /// The features that the options need and this program was built without.
    fn missing_features(&self) -> Vec<&'static str> {
        let needed = [
            ("redis", cfg!(feature = "redis"), self.store == StoreKind::Redis),
            ("tiered", cfg!(feature = "tiered"), self.store.is_tiered()),
            ("traces", cfg!(feature = "traces"), self.trace.is_some()),
        ];
        needed.into_iter().filter(|(_, is_on, is_needed)| !is_on && *is_needed).map(|(name, ..)| name).collect()
    }

    #[cfg(feature = "redis")]
    fn on_server(&self) -> Result<Place, (ErrorKind, String)> {
        match &self.url {
            None if self.spawn => Ok(Place::SpawnedRedis),
            None => {
                let kind = if self.store == StoreKind::Tiered { "tiered" } else { "redis" };
                let message =
                    format!("--store {kind} needs a server: give its URL with --url, or start one with --spawn");
                Err((ErrorKind::MissingRequiredArgument, message))
            }
            Some(url) if self.baseline.is_some() && url.starts_with("rediss:") => {
                Err((ErrorKind::ArgumentConflict, "the baseline does not support TLS: use a redis:// URL".to_owned()))
            }
            Some(url) => match session_redis::RedisConfig::standalone(url).validate() {
                Ok(()) => Ok(Place::Redis(url.clone())),
                Err(error) => Err((ErrorKind::ValueValidation, format!("--url: {error}"))),
            },
        }
    }

    /// The missing feature was reported before.
    #[cfg(not(feature = "redis"))]
    fn on_server(&self) -> Result<Place, (ErrorKind, String)> {
        Err((ErrorKind::InvalidValue, turn_on(&["redis"])))
    }
}

/// The command that builds this program with the features.
fn turn_on(features: &[&str]) -> String {
    let features = features.join(",");
    format!(
        "this program was built without `{features}`; turn it on with\n\n  \
         cargo run --release -p replay --features {features} -- …"
    )
}

/// The alternative to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Baseline {
    /// One value that holds the whole session and is loaded, modified and saved unconditionally
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

    #[cfg(feature = "tiered")]
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

    #[cfg(feature = "tiered")]
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
            ("--store redis --url rediss://localhost --baseline blob", "does not support TLS"),
        ] {
            let error = Args::read(format!("replay {wrong}").split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong}");
            assert!(error.to_string().contains(message), "{error}");
        }
        let error = Args::read("replay --store redis --url http://u:secret@localhost".split(' ')).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    /// Whichever features are on, the options of the others name the command that turns them on.
    #[test]
    fn an_option_of_a_missing_feature_names_the_feature() {
        for (line, feature, is_on) in [
            ("--store redis --spawn", "redis", cfg!(feature = "redis")),
            ("--store redis --url redis://localhost", "redis", cfg!(feature = "redis")),
            ("--store tiered --spawn", "tiered", cfg!(feature = "tiered")),
            ("--store tiered-memory", "tiered", cfg!(feature = "tiered")),
            ("--trace lines.csv", "traces", cfg!(feature = "traces")),
        ] {
            match Args::read(format!("replay {line}").split(' ')) {
                Ok(_) => assert!(is_on, "{line}"),
                Err(error) => {
                    assert!(!is_on && error.exit_code() == 2, "{line}: {error}");
                    let command = format!("cargo run --release -p replay --features {feature} -- ");
                    assert!(error.to_string().contains(&command), "{line}: {error}");
                }
            }
        }
        let both = turn_on(&["tiered", "traces"]);
        assert!(both.contains("--features tiered,traces -- "), "{both}");
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
