//! What is to be served, and what with.

use std::ops::RangeInclusive;

use session_core::defaults;
use session_tiered::defaults::BEATS;

use super::Invalid;

/// The capacity of a node's cache, unless set otherwise.
const LOCAL_BYTES: f64 = 64.0 * 1_024.0 * 1_024.0;
/// No heartbeats are sent more often, in seconds.
const SHORTEST_BEAT: f64 = 1e-3;
/// What Redis packs into one piece, unless set otherwise.
const PACKED_ENTRIES: f64 = 512.0;
const PACKED_VALUE: f64 = 64.0;
/// Entries of a session's hash that are the store's own: `@`, `@c`, `@0`, `@1`.
const METADATA: f64 = 4.0;

/// Which node a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Any: each has copies of whatever is used most.
    Random,
    /// The session's own.
    Sticky,
}

/// How the servers stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One primary, plain channels, one heartbeat of a node for all partitions.
    Standalone,
    /// Any number of primaries, sharded channels, a heartbeat of a node for each partition with copies.
    Cluster,
}

/// What is to be served.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Sessions that live at the same time.
    pub sessions: f64,
    /// Requests per second on all nodes. Each loads one session.
    pub requests: f64,
    /// Application nodes, each with a local cache.
    pub nodes: f64,
    /// The share of the requests that commit a change.
    pub write_share: f64,
    /// The share of the requests that touch. `None`: as `Sessions` does, after a tenth of the idle timeout without
    /// renewal.
    pub touch_share: Option<f64>,
    /// Which node a request goes to.
    pub routing: Routing,
    /// The n-th session is requested in proportion to n^-popularity; 0 is all alike.
    pub popularity: f64,
    /// Names and encoded values of one session.
    pub session_bytes: f64,
    /// Entries of one session.
    pub entries: f64,
    /// The largest encoded value of a session, in bytes. `None`: as large as the mean of names and values together.
    pub value_bytes: Option<f64>,
    /// Names and encoded values of one update.
    pub delta_bytes: f64,
    /// How long a session lives, in seconds: as many are created as end.
    pub life: f64,
    /// The idle timeout, in seconds.
    pub idle: f64,
    /// The share of the sessions that end by a destroy and not by a deadline.
    pub destroy_share: f64,
    /// The capacity of a node's cache, in bytes as it reckons them.
    pub local_bytes: f64,
    /// How long a copy is served without the store's word, in seconds.
    pub max_age: f64,
    /// The bound on staleness, in seconds.
    pub max_staleness: f64,
    /// Between two heartbeats, in seconds. `None`: a quarter of `max_staleness`, and a millisecond at least, as the
    /// stores do.
    pub heartbeat: Option<f64>,
    /// Partitions of the store.
    pub partitions: u32,
    /// Primaries. `None`: as many as it takes.
    pub primaries: Option<u32>,
    /// How they stand to each other.
    pub topology: Topology,
}

impl Default for Workload {
    /// A small service; everything that the stores have a default for has that.
    fn default() -> Self {
        Self {
            sessions: 1e6,
            requests: 1e4,
            nodes: 8.0,
            write_share: 0.1,
            touch_share: None,
            routing: Routing::Random,
            popularity: 0.9,
            session_bytes: 300.0,
            entries: 8.0,
            value_bytes: None,
            delta_bytes: 40.0,
            life: 3_600.0,
            idle: defaults::IDLE.as_secs_f64(),
            destroy_share: 0.1,
            local_bytes: LOCAL_BYTES,
            max_age: session_tiered::defaults::MAX_AGE.as_secs_f64(),
            max_staleness: session_tiered::defaults::MAX_STALENESS.as_secs_f64(),
            heartbeat: None,
            partitions: 256,
            primaries: None,
            topology: Topology::Cluster,
        }
    }
}

impl Workload {
    /// Between two heartbeats of a node.
    pub fn heartbeat(&self) -> f64 {
        self.heartbeat.unwrap_or_else(|| (self.max_staleness / f64::from(BEATS)).max(SHORTEST_BEAT))
    }

    /// Whether Redis keeps a session as a table, which takes more: it has more than 512 entries with those of the
    /// store's own, or a value of more than 64 bytes (`hash-max-listpack-entries` and `-value`, by default).
    pub fn is_table(&self) -> bool {
        let largest = self.value_bytes.unwrap_or(self.session_bytes / self.entries.max(1.0));
        self.entries + METADATA > PACKED_ENTRIES || largest > PACKED_VALUE
    }

    /// Sessions that begin in a second, by Little's law: sessions / life.
    pub fn births(&self) -> f64 {
        self.sessions / self.life
    }

    /// The same service, so many times as large: sessions, requests and nodes.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let (sessions, requests, nodes) = (self.sessions * factor, self.requests * factor, self.nodes * factor);
        Self { sessions, requests, nodes, ..self.clone() }
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// For the first one that makes no sense.
    pub fn validate(&self) -> Result<(), Invalid> {
        const MANY: f64 = 1e15;
        within("sessions", self.sessions, 1.0..=MANY)?;
        within("rps", self.requests, 1e-9..=MANY)?;
        within("nodes", self.nodes, 1.0..=1e6)?;
        within("write-share", self.write_share, 0.0..=1.0)?;
        within("touch-share", self.touch_share.unwrap_or(0.0), 0.0..=1.0)?;
        within("zipf", self.popularity, 0.0..=3.0)?;
        within("session-bytes", self.session_bytes, 0.0..=MANY)?;
        within("entries", self.entries, 0.0..=MANY)?;
        within("delta-bytes", self.delta_bytes, 0.0..=MANY)?;
        within("life", self.life, 1e-3..=MANY)?;
        within("idle", self.idle, 1e-3..=MANY)?;
        within("destroy-share", self.destroy_share, 0.0..=1.0)?;
        within("local-bytes", self.local_bytes, 0.0..=MANY)?;
        within("max-age", self.max_age, 0.0..=MANY)?;
        within("value-bytes", self.value_bytes.unwrap_or(0.0), 0.0..=MANY)?;
        within("max-staleness", self.max_staleness, 2.0 * SHORTEST_BEAT..=3_600.0)?;
        // A lease that ends before the next heartbeat is answered is none.
        within("heartbeat", self.heartbeat(), SHORTEST_BEAT..=self.max_staleness / 2.0)?;
        self.validate_servers()
    }

    fn validate_servers(&self) -> Result<(), Invalid> {
        let partitions = self.partitions;
        if !partitions.is_power_of_two() || partitions > 16_384 {
            return Err(Invalid::new("partitions", format!("{partitions} is no power of two up to 16384")));
        }
        match (self.topology, self.primaries) {
            (_, Some(0)) => Err(Invalid::new("primaries", "there must be one")),
            (Topology::Standalone, Some(2..)) => {
                Err(Invalid::new("primaries", "several primaries are a cluster: give `--topology cluster`"))
            }
            (_, Some(primaries)) if primaries > partitions => {
                Err(Invalid::new("primaries", format!("of {primaries}, only {partitions} would have a partition")))
            }
            _ => Ok(()),
        }
    }
}

/// What a server and a node can take. The defaults leave room for peaks and for a failover.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Of the one thread that runs a server's commands: a share of a core.
    pub server_cpu: f64,
    /// Of a primary's memory, in bytes.
    pub server_memory: f64,
    /// Of a server's network, in bytes per second, one way.
    pub server_network: f64,
    /// Connections to a primary; `maxclients` is 10,000 by default.
    pub server_connections: f64,
    /// Of a node's processor for hearing of changes: a share of a core. One task takes them in, one after another.
    pub hearing_cpu: f64,
    /// Of a node's network for hearing of changes, in bytes per second.
    pub hearing_network: f64,
    /// How long a turn of a server's event loop may take, in seconds: in one turn each connection is read and written
    /// at most once, so a longer one saves system calls and lets all wait.
    pub turn: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            server_cpu: 0.7,
            server_memory: 16.0 * 1_024.0 * 1_024.0 * 1_024.0,
            server_network: 0.7 * 1.25e9,
            server_connections: 10_000.0,
            hearing_cpu: 0.7,
            hearing_network: 0.25 * 1.25e9,
            turn: 0.01,
        }
    }
}

impl Limits {
    /// Checks every figure.
    ///
    /// # Errors
    /// For the first one that cannot be: a thread has one core, and nobody waits for longer turns than a tenth of a
    /// second.
    pub fn validate(&self) -> Result<(), Invalid> {
        const ANY: RangeInclusive<f64> = 1e-9..=1e18;
        within("cpu-limit", self.server_cpu, 1e-9..=1.0)?;
        within("memory-limit", self.server_memory, ANY)?;
        within("network-limit", self.server_network, ANY)?;
        within("connections-limit", self.server_connections, ANY)?;
        within("hearing-limit", self.hearing_cpu, 1e-9..=1.0)?;
        within("node-network-limit", self.hearing_network, ANY)?;
        within("turn", self.turn, 1e-6..=0.1)
    }
}

fn within(what: &str, number: f64, range: RangeInclusive<f64>) -> Result<(), Invalid> {
    if range.contains(&number) {
        return Ok(());
    }
    let why = format!("{number} is not between {} and {}", range.start(), range.end());
    Err(Invalid::new(what, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_sense() {
        assert_eq!(Workload::default().validate(), Ok(()));
        assert_eq!(Limits::default().validate(), Ok(()));
        assert_eq!(Workload::default().heartbeat(), 0.25);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let base = Workload::default;
        let cases = [
            ("sessions", Workload { sessions: f64::NAN, ..base() }),
            ("rps", Workload { requests: -1.0, ..base() }),
            ("nodes", Workload { nodes: 0.0, ..base() }),
            ("write-share", Workload { write_share: 1.1, ..base() }),
            ("touch-share", Workload { touch_share: Some(2.0), ..base() }),
            ("life", Workload { life: 0.0, ..base() }),
            ("heartbeat", Workload { heartbeat: Some(2.0), ..base() }),
            ("max-staleness", Workload { max_staleness: 0.001, ..base() }),
            ("partitions", Workload { partitions: 100, ..base() }),
            ("primaries", Workload { primaries: Some(0), ..base() }),
            ("primaries", Workload { primaries: Some(257), ..base() }),
            ("primaries", Workload { primaries: Some(2), topology: Topology::Standalone, ..base() }),
        ];
        for (what, workload) in cases {
            let error = workload.validate().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{what}: ")), "{error}");
        }
        for (what, limits) in [
            ("turn", Limits { turn: 0.0, ..Limits::default() }),
            ("turn", Limits { turn: 1.0, ..Limits::default() }),
            ("cpu-limit", Limits { server_cpu: 1.5, ..Limits::default() }),
            ("hearing-limit", Limits { hearing_cpu: 2.0, ..Limits::default() }),
        ] {
            let error = limits.validate().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{what}: ")), "{error}");
        }
    }

    /// Nobody is told of a heartbeat that they have not given.
    #[test]
    fn a_derived_heartbeat_is_never_wrong() {
        for max_staleness in [0.002, 0.003, 1.0, 3_600.0] {
            let workload = Workload { max_staleness, ..Workload::default() };
            assert_eq!(workload.validate(), Ok(()), "{max_staleness}");
        }
        assert_eq!(Workload { max_staleness: 0.003, ..Workload::default() }.heartbeat(), 0.001);
    }

    #[test]
    fn one_large_value_or_many_entries_make_a_table() {
        let is_table = |entries, session_bytes, value_bytes| {
            Workload { entries, session_bytes, value_bytes, ..Workload::default() }.is_table()
        };
        assert!(!is_table(8.0, 300.0, None) && is_table(8.0, 300.0, Some(66.0)) && is_table(8.0, 600.0, None));
        assert!(!is_table(508.0, 10_000.0, None) && is_table(509.0, 10_000.0, None));
    }

    #[test]
    fn the_capacity_is_that_of_the_cache() {
        assert_eq!(session_tiered::defaults::CAPACITY, session_tiered::Capacity::bytes(LOCAL_BYTES as u64));
    }
}
