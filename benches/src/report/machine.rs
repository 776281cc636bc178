//! The machine of a run, and the settings.

use std::{fs, process::Command};

use serde::Serialize;
use session_core::defaults as core;
use session_memory::defaults as memory;
use session_redis::defaults as redis;
use session_tiered::defaults as tiered;

/// The environment on which the figures depend.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// The processor, as the kernel names it.
    pub processor: String,
    /// The number of its threads available to this process.
    pub processors: usize,
    /// The compiler on the path, which usually is the one that built this program.
    pub compiler: String,
    /// The version of the Redis server.
    pub server: String,
    /// The revision of the sources, as git names it.
    pub revision: String,
}

impl Machine {
    /// The machine of this process. Anything unavailable is "unknown".
    pub fn this() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let server = std::env::var("REDIS_SERVER_BIN").unwrap_or_else(|_| "redis-server".to_owned());
        Self {
            processor: model.map_or("unknown".to_owned(), |(_, name)| name.trim().to_owned()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            compiler: said_by("rustc", &["--version"]),
            server: said_by(&server, &["--version"]),
            revision: said_by("git", &["describe", "--always", "--dirty"]),
        }
    }
}

fn said_by(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// The settings of the measured stores.
pub(super) fn configuration() -> Vec<(String, String)> {
    let named = |(name, value): (&str, String)| (name.to_owned(), value);
    of_all_stores().map(named).into_iter().chain(of_redis().map(named)).chain(of_the_cache().map(named)).collect()
}

fn of_all_stores() -> [(&'static str, String); 8] {
    let limits = session_core::Limits::default();
    [
        ("idle deadline", format!("{:?}", core::IDLE)),
        ("absolute deadline", format!("{:?}", core::ABSOLUTE)),
        ("tombstone", format!("{:?}", core::TOMBSTONE)),
        ("call deadline", format!("{:?}", core::CALL_DEADLINE)),
        ("entries of a session, maximum", limits.max_entries.to_string()),
        ("bytes of a value, maximum", limits.max_value_bytes.to_string()),
        ("bytes of a session, maximum", limits.max_session_bytes.to_string()),
        ("memory store: partitions", memory::PARTITIONS.to_string()),
    ]
}

fn of_redis() -> [(&'static str, String); 7] {
    [
        ("Redis store: partitions", redis::PARTITIONS.to_string()),
        ("Redis store: connect deadline", format!("{:?}", redis::CONNECT_DEADLINE)),
        ("Redis store: interval of health checks", format!("{:?}", redis::HEALTH_INTERVAL)),
        ("Redis store: calls in flight to one primary, maximum", redis::MAX_IN_FLIGHT.to_string()),
        ("Redis store: connections for writes that wait for replicas", redis::DURABLE_CONNECTIONS.to_string()),
        ("Redis store: bytes of a carried delta, maximum", redis::MESSAGE_DELTA_BYTES.to_string()),
        ("Redis store: changes queued for a subscriber", redis::SUBSCRIBER_BUFFER.to_string()),
    ]
}

fn of_the_cache() -> [(&'static str, String); 10] {
    [
        ("max_staleness", format!("{:?}", tiered::MAX_STALENESS)),
        ("max_age", format!("{:?}", tiered::MAX_AGE)),
        ("heartbeats in one max_staleness", tiered::BEATS.to_string()),
        ("capacity of the local cache", format!("{:?}", tiered::CAPACITY)),
        ("eviction", format!("{:?}", tiered::EVICTION)),
        ("remembered ids without a session", tiered::ABSENT_CAPACITY.to_string()),
        ("concurrent revalidations", tiered::REVALIDATIONS.to_string()),
        ("unanswered calls until the breaker opens", tiered::BREAKER_FAILURES.to_string()),
        ("time for which the breaker stays open", format!("{:?}", tiered::BREAKER_PAUSE)),
        ("interval of self-checks", format!("{:?}", tiered::SELF_CHECK)),
    ]
}
