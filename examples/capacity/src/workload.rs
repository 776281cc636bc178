//! The service to compute, and the limits of its machines.

use std::ops::RangeInclusive;

use session_core::defaults;
use session_tiered::defaults::BEATS;

use super::Invalid;

/// The default capacity of a node's cache.
const LOCAL_BYTES: f64 = 64.0 * 1_024.0 * 1_024.0;
/// An id names at most this many partitions.
pub(crate) const MAX_PARTITIONS: u32 = 4_096;
/// The shortest heartbeat interval, in seconds.
const SHORTEST_BEAT: f64 = 1e-3;
/// The limits up to which Redis stores a hash as a listpack, by default.
const PACKED_ENTRIES: f64 = 512.0;
const PACKED_VALUE: f64 = 64.0;
/// Entries of a session's hash that are the store's own: `@`, `@c`, `@0`, `@1`.
const METADATA: f64 = 4.0;

/// The node that a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Any node: each has copies of the sessions used most.
    Random,
    /// The session's own node.
    Sticky,
}

/// The arrangement of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One primary, plain channels, and one heartbeat per node for all partitions.
    Standalone,
    /// Any number of primaries, sharded channels, and one heartbeat per node for each partition with copies.
    Cluster,
}

/// The service to compute.
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
    /// The share of the requests that touch. `None` means the behaviour of `Sessions`, which touches after a tenth of the
    /// idle timeout without a renewal.
    pub touch_share: Option<f64>,
    /// The node that a request goes to.
    pub routing: Routing,
    /// The exponent of Zipf's law: the n-th session is requested in proportion to n^-popularity. With 0 all sessions are
    /// requested equally often.
    pub popularity: f64,
    /// Names and encoded values of one session.
    pub session_bytes: f64,
    /// Entries of one session.
    pub entries: f64,
    /// The largest encoded value of a session, in bytes. `None` means the mean of names and values together.
    pub value_bytes: Option<f64>,
    /// Names and encoded values of one update.
    pub delta_bytes: f64,
    /// The lifetime of a session, in seconds. As many sessions are created as end.
    pub life: f64,
    /// The idle timeout, in seconds.
    pub idle: f64,
    /// The share of the sessions that end by a destroy and not by a deadline.
    pub destroy_share: f64,
    /// The capacity of a node's cache, in bytes as the cache counts them.
    pub local_bytes: f64,
    /// The longest time that a copy is served without revalidation, in seconds.
    pub max_age: f64,
    /// The bound on staleness, in seconds.
    pub max_staleness: f64,
    /// The heartbeat interval, in seconds. `None` means a quarter of `max_staleness` and at least a millisecond, as in
    /// the store.
    pub heartbeat: Option<f64>,
    /// Partitions of the store.
    pub partitions: u32,
    /// Primaries. `None` means as many as are needed.
    pub primaries: Option<u32>,
    /// The arrangement of the servers.
    pub topology: Topology,
}

impl Default for Workload {
    /// A small service, with the defaults of the stores wherever they have one.
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
    /// The heartbeat interval of a node.
    pub fn heartbeat(&self) -> f64 {
        self.heartbeat.unwrap_or_else(|| (self.max_staleness / f64::from(BEATS)).max(SHORTEST_BEAT))
    }

    /// Whether Redis stores a session as a hash table, which takes more memory: it has more than 512 entries, including
    /// the store's own, or a value of more than 64 bytes (`hash-max-listpack-entries` and `-value`, by default).
    pub fn is_table(&self) -> bool {
        let largest = self.value_bytes.unwrap_or(self.session_bytes / self.entries.max(1.0));
        self.entries + METADATA > PACKED_ENTRIES || largest > PACKED_VALUE
    }

    /// Sessions created per second, by Little's law: sessions / life.
    pub fn births(&self) -> f64 {
        self.sessions / self.life
    }

    /// The same service, `factor` times as large: sessions, requests and nodes.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let (sessions, requests, nodes) = (self.sessions * factor, self.requests * factor, self.nodes * factor);
        Self { sessions, requests, nodes, ..self.clone() }
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// For the first figure that makes no sense.
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
        // A lease that ends before the next heartbeat is answered would be useless.
        within("heartbeat", self.heartbeat(), SHORTEST_BEAT..=self.max_staleness / 2.0)?;
        self.validate_servers()
    }

    fn validate_servers(&self) -> Result<(), Invalid> {
        let partitions = self.partitions;
        if !partitions.is_power_of_two() || partitions > MAX_PARTITIONS {
            return Err(Invalid::new(
                "partitions",
                format!("{partitions} is not a power of two up to {MAX_PARTITIONS}"),
            ));
        }
        match (self.topology, self.primaries) {
            (_, Some(0)) => Err(Invalid::new("primaries", "at least one is needed")),
            (Topology::Standalone, Some(2..)) => {
                Err(Invalid::new("primaries", "several primaries need `--topology cluster`"))
            }
            (_, Some(primaries)) if primaries > partitions => {
                Err(Invalid::new("primaries", format!("{primaries} primaries cannot share {partitions} partitions")))
            }
            _ => Ok(()),
        }
    }
}

/// The limits of a server and a node. The defaults leave room for peaks and for a failover.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The processor of the one thread that runs a server's commands: a share of a core.
    pub server_cpu: f64,
    /// The memory of a primary, in bytes.
    pub server_memory: f64,
    /// The network of a server, in bytes per second and direction.
    pub server_network: f64,
    /// Connections to a primary; `maxclients` is 10,000 by default.
    pub server_connections: f64,
    /// The processor of a node for receiving changes: a share of a core. One task receives them, one after another.
    pub receiving_cpu: f64,
    /// The network of a node for receiving changes, in bytes per second.
    pub receiving_network: f64,
    /// The longest turn of a server's event loop, in seconds. In one turn each connection is read and written at most
    /// once, so a longer turn saves system calls and delays all requests.
    pub turn: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            server_cpu: 0.7,
            server_memory: 16.0 * 1_024.0 * 1_024.0 * 1_024.0,
            server_network: 0.7 * 1.25e9,
            server_connections: 10_000.0,
            receiving_cpu: 0.7,
            receiving_network: 0.25 * 1.25e9,
            turn: 0.01,
        }
    }
}

impl Limits {
    /// Checks every figure.
    ///
    /// # Errors
    /// For the first figure that is impossible: a thread has one core, and a turn takes at most a tenth of a second.
    pub fn validate(&self) -> Result<(), Invalid> {
        const ANY: RangeInclusive<f64> = 1e-9..=1e18;
        within("cpu-limit", self.server_cpu, 1e-9..=1.0)?;
        within("memory-limit", self.server_memory, ANY)?;
        within("network-limit", self.server_network, ANY)?;
        within("connections-limit", self.server_connections, ANY)?;
        within("receiving-limit", self.receiving_cpu, 1e-9..=1.0)?;
        within("node-network-limit", self.receiving_network, ANY)?;
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
            ("receiving-limit", Limits { receiving_cpu: 2.0, ..Limits::default() }),
        ] {
            let error = limits.validate().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{what}: ")), "{error}");
        }
    }

    /// No error names a heartbeat that was not given.
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
