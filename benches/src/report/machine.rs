//! Where a run took place, and with which settings.

use std::{fs, process::Command};

use serde::Serialize;
use session_core::defaults as core;
use session_tiered::defaults as tiered;

/// What the figures depend on.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// As the kernel names it.
    pub processor: String,
    /// How many of its threads there are for this process.
    pub processors: usize,
    /// The compiler on the path, which is the one that built this, as a rule.
    pub compiler: String,
    /// Of the Redis server.
    pub server: String,
}

impl Machine {
    /// The one that this runs on. What it does not tell is "unknown".
    pub fn this() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let server = std::env::var("REDIS_SERVER_BIN").unwrap_or_else(|_| "redis-server".to_owned());
        Self {
            processor: model.map_or("unknown".to_owned(), |(_, name)| name.trim().to_owned()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            compiler: said_by("rustc"),
            server: said_by(&server),
        }
    }
}

fn said_by(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// The settings of the stores that are measured.
pub(super) fn configuration() -> Vec<(String, String)> {
    let settings = [
        ("idle deadline", format!("{:?}", core::IDLE)),
        ("absolute deadline", format!("{:?}", core::ABSOLUTE)),
        ("deadline of a call", format!("{:?}", core::CALL_DEADLINE)),
        ("entries of a session, at most", core::MAX_ENTRIES.to_string()),
        ("replicas that a write waits for", core::REPLICAS.to_string()),
        ("max_staleness", format!("{:?}", tiered::MAX_STALENESS)),
        ("max_age", format!("{:?}", tiered::MAX_AGE)),
        ("heartbeats in one max_staleness", tiered::BEATS.to_string()),
        ("capacity of the local cache", format!("{:?}", tiered::CAPACITY)),
        ("a copy is compared with the store every", format!("{:?}", tiered::SELF_CHECK)),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).into()
}
