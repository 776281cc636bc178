//! The operations per second that reach the servers, and the messages that they send.

use session_core::defaults;

use super::{
    constants::Constants,
    hits::{Hits, room, shares},
    popularity::Class,
    resources::largest_share,
    touches::touches,
    workload::{Topology, Workload},
};

/// Health checks per second from each node to each primary, by default: one on the connection for calls (`HELLO`) and
/// one on the connection for the feed (`GETEX`).
pub const HEALTH_CHECKS: f64 = 2.0;
/// Connections of a node to each primary: one for its calls, one for the feed.
pub const CONNECTIONS: f64 = 2.0;
/// The largest delta that is published with its change, in bytes, by default.
pub const LARGEST_DELTA: f64 = 4_096.0;
/// The number of changes that are buffered for a slow node, by default. One more is a gap in all of its partitions.
pub const WAITING_CHANGES: f64 = 8_192.0;

/// The rate at which a node compares one copy with the store.
pub fn self_checks() -> f64 {
    1.0 / session_tiered::defaults::SELF_CHECK.as_secs_f64()
}

/// The lifetime of a destroyed session's tombstone, in seconds.
pub fn tombstone() -> f64 {
    defaults::TOMBSTONE.as_secs_f64()
}

/// Whether a delta of this many bytes is published with its change.
pub fn is_published(bytes: f64) -> bool {
    bytes <= LARGEST_DELTA
}

fn published(bytes: f64) -> f64 {
    if is_published(bytes) { bytes } else { 0.0 }
}

/// Rates per second, of all servers and nodes together or [of the fullest server](Traffic::on_fullest).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Loads that the store answers in full: requests · filled.
    pub loads: f64,
    /// Conditional loads: requests · revalidated, and self-checks.
    pub conditional: f64,
    /// Updates: requests · write share.
    pub applies: f64,
    /// Renewals of deadlines.
    pub touches: f64,
    /// New sessions: sessions / lifetime.
    pub creates: f64,
    /// Sessions that are destroyed.
    pub destroys: f64,
    /// Heartbeats: nodes / interval; on a cluster, times the partitions in which a node has copies.
    pub heartbeats: f64,
    /// Health checks of connections: 2 · nodes · primaries.
    pub health_checks: f64,
    /// The number of nodes that receive every change; this is not a rate.
    pub subscribers: f64,
    /// The part that concerns the most requested session. It reaches one primary, whatever their number.
    pub hottest: Hottest,
}

/// Rates per second of one session.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hottest {
    /// Requests, answered by a node or by the store.
    pub requests: f64,
    /// Loads that the store answers in full.
    pub loads: f64,
    /// Conditional loads.
    pub conditional: f64,
    /// Updates.
    pub applies: f64,
    /// Renewals of its deadline.
    pub touches: f64,
}

/// An operation, its rate, and its processor time on a server in microseconds, excluding system calls.
pub type Operation = (&'static str, f64, f64);

impl Traffic {
    /// The traffic with this number of primaries.
    pub fn of(workload: &Workload, classes: &[Class], hits: &Hits, primaries: f64) -> Self {
        let requests = workload.requests;
        let touched = |classes: &[Class], requests: f64| {
            workload.touch_share.map_or_else(|| touches(workload, classes), |share| share * requests)
        };
        let hottest = Class { sessions: 1.0, ..classes[0] };
        Self {
            loads: requests * hits.filled,
            conditional: requests * hits.revalidated + workload.nodes * self_checks(),
            applies: requests * workload.write_share,
            touches: touched(classes, requests),
            creates: workload.births(),
            destroys: workload.births() * workload.destroy_share,
            heartbeats: workload.nodes / workload.heartbeat() * beaten(workload),
            health_checks: HEALTH_CHECKS * workload.nodes * primaries,
            subscribers: workload.nodes,
            hottest: Hottest {
                requests: hottest.rate,
                loads: hits.hottest_filled,
                conditional: hits.hottest_revalidated,
                applies: hottest.rate * workload.write_share,
                touches: touched(&[hottest], hottest.rate),
            },
        }
    }

    /// The traffic of the fullest primary: all traffic of the hottest session, which cannot be divided, and the rest in
    /// proportion to the largest share of partitions.
    #[must_use]
    pub fn on_fullest(&self, workload: &Workload, primaries: u32) -> Self {
        let share = largest_share(workload.partitions, primaries);
        let hottest = self.hottest;
        let of = |all: f64, hottest: f64| hottest + share * (all - hottest);
        Self {
            loads: of(self.loads, hottest.loads),
            conditional: of(self.conditional, hottest.conditional),
            applies: of(self.applies, hottest.applies),
            touches: of(self.touches, hottest.touches),
            creates: share * self.creates,
            destroys: share * self.destroys,
            heartbeats: share * self.heartbeats,
            health_checks: self.health_checks / f64::from(primaries),
            ..*self
        }
    }

    /// Published changes: applies, creates and destroys.
    pub fn changes(&self) -> f64 {
        self.applies + self.creates + self.destroys
    }

    /// Messages sent: changes · nodes, since every node receives every change.
    pub fn messages(&self) -> f64 {
        self.changes() * self.subscribers
    }

    /// The work of the servers' processors for requests, excluding messages and system calls.
    pub fn operations(&self, workload: &Workload, constants: &Constants) -> [Operation; 6] {
        [
            ("load", self.loads, constants.load(workload)),
            ("conditional load", self.conditional, constants.conditional_us),
            ("apply", self.applies, constants.apply_us),
            ("touch", self.touches, constants.touch_us),
            ("create", self.creates, constants.create(workload)),
            ("destroy", self.destroys, constants.destroy_us),
        ]
    }

    /// Their work for heartbeats and health checks.
    pub fn beats(&self, constants: &Constants) -> [Operation; 2] {
        [
            ("heartbeat", self.heartbeats, constants.heartbeat_us),
            ("health check", self.health_checks, constants.heartbeat_us),
        ]
    }

    /// Requests of the application, which arrive one by one; heartbeats arrive together.
    pub fn calls(&self) -> f64 {
        self.loads + self.conditional + self.touches + self.changes()
    }

    /// Bytes of the messages to one subscriber. The message of an update contains its delta and that of a create the whole
    /// session, if they are small enough; that of a destroy contains neither.
    pub fn heard_bytes(&self, workload: &Workload, constants: &Constants) -> f64 {
        self.changes() * constants.message_wire_bytes
            + self.applies * published(workload.delta_bytes)
            + self.creates * published(workload.session_bytes)
    }

    /// Bytes that the servers send. Loads contain the names and values of sessions, messages those of changes. The figures
    /// on the wire cover requests and answers together and count in both directions, so each is an upper bound.
    pub fn bytes_out(&self, workload: &Workload, constants: &Constants) -> f64 {
        self.loads * (workload.session_bytes + constants.load_entry_wire_bytes * workload.entries)
            + self.subscribers * self.heard_bytes(workload, constants)
            + self.envelopes(constants)
    }

    /// Bytes that the servers receive. Published data is sent twice: for the session and for the message.
    pub fn bytes_in(&self, workload: &Workload, constants: &Constants) -> f64 {
        let sent = |bytes: f64| bytes + published(bytes);
        self.applies * sent(workload.delta_bytes)
            + self.creates * sent(workload.session_bytes)
            + self.envelopes(constants)
    }

    /// Bytes of requests and answers, excluding names and values.
    fn envelopes(&self, constants: &Constants) -> f64 {
        self.loads * constants.load_wire_bytes
            + self.conditional * constants.conditional_wire_bytes
            + self.changes() * constants.apply_wire_bytes
            + self.touches * constants.touch_wire_bytes
            + (self.heartbeats + self.health_checks) * constants.heartbeat_wire_bytes
    }
}

/// The number of heartbeats that a node sends at a time. On a cluster it sends one for each partition in which it has
/// copies: of P partitions, P · (1 - e^(-copies / P)).
fn beaten(workload: &Workload) -> f64 {
    let copies = room(workload).min(workload.sessions * shares(workload).0);
    match workload.topology {
        Topology::Standalone => copies.min(1.0),
        Topology::Cluster => {
            let partitions = f64::from(workload.partitions);
            -partitions * (-copies / partitions).exp_m1()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hits::hits, popularity::zipf};

    fn of(workload: &Workload) -> Traffic {
        let classes = zipf(workload.sessions, workload.requests, workload.popularity);
        Traffic::of(workload, &classes, &hits(workload, &classes), 4.0)
    }

    /// The contents of a message depend on the kind of the change and on its size.
    #[test]
    fn messages_carry_deltas_and_new_sessions_that_are_small_enough() {
        let constants = Constants { message_wire_bytes: 100.0, ..Constants::of_tests() };
        let heard = |traffic: Traffic, delta_bytes, session_bytes| {
            let workload = Workload { delta_bytes, session_bytes, ..Workload::default() };
            traffic.heard_bytes(&workload, &constants)
        };
        let applies = Traffic { applies: 1.0, ..Traffic::default() };
        let creates = Traffic { creates: 1.0, ..Traffic::default() };
        let destroys = Traffic { destroys: 1.0, ..Traffic::default() };
        assert_eq!([4_096.0, 4_097.0].map(|delta| heard(applies, delta, 300.0)), [4_196.0, 100.0]);
        assert_eq!([4_096.0, 4_097.0].map(|session| heard(creates, 40.0, session)), [4_196.0, 100.0]);
        assert_eq!(heard(destroys, 40.0, 300.0), 100.0);
    }

    #[test]
    fn answers_count_as_sent() {
        let (workload, constants) = (Workload::default(), Constants::of_tests());
        for one in [Traffic { applies: 1.0, ..Traffic::default() }, Traffic { destroys: 1.0, ..Traffic::default() }] {
            assert_eq!(one.bytes_out(&workload, &constants), constants.apply_wire_bytes);
        }
    }

    /// Partitions are assigned to primaries and sessions to partitions at random, some thousand of the hottest sessions
    /// one by one.
    #[test]
    fn the_fullest_primary_is_that_of_sessions_dealt_out_by_chance() {
        for (popularity, primaries) in [(0.6, 8), (0.9, 86), (1.0, 64), (1.2, 43), (1.2, 2)] {
            let workload =
                Workload { sessions: 1e8, requests: 1.0, write_share: 1.0, popularity, ..Workload::default() };
            let classes = zipf(workload.sessions, workload.requests, workload.popularity);
            let traffic = Traffic::of(&workload, &classes, &hits(&workload, &classes), f64::from(primaries));
            let model = traffic.on_fullest(&workload, primaries).applies;
            let mut rng = replay::trace::Rng::new(1);
            let mut fullest: Vec<f64> = (0..15).map(|_| dealt(&classes, primaries as usize, &mut rng)).collect();
            fullest.sort_by(f64::total_cmp);
            assert!((model / fullest[7] - 1.0).abs() < 0.1, "{popularity}, {primaries}: {model}, {fullest:?}");
        }
    }

    fn dealt(classes: &[crate::popularity::Class], primaries: usize, rng: &mut replay::trace::Rng) -> f64 {
        let (mut partitions, mut rest) = ([0.0; 256], 0.0);
        for class in classes {
            if class.sessions > 200.0 {
                rest += class.sessions * class.rate;
                continue;
            }
            for _ in 0..class.sessions as usize {
                partitions[rng.below(256) as usize] += class.rate;
            }
        }
        let shares: Vec<f64> = partitions.chunks(256_usize.div_ceil(primaries)).map(|some| some.iter().sum()).collect();
        shares.into_iter().fold(0.0, f64::max) + rest / 256.0 * 256_usize.div_ceil(primaries) as f64
    }

    #[test]
    fn heartbeats_are_one_a_node_or_one_a_partition() {
        let standalone = of(&Workload { topology: Topology::Standalone, ..Workload::default() });
        assert!((standalone.heartbeats - 8.0 * 4.0).abs() < 1e-9);
        let cluster = of(&Workload::default());
        assert!((cluster.heartbeats - 8.0 * 4.0 * 256.0).abs() < 1.0, "{}", cluster.heartbeats);
        let slower = of(&Workload { max_staleness: 4.0, ..Workload::default() });
        assert!((slower.heartbeats * 4.0 - cluster.heartbeats).abs() < 1.0);
        let empty = of(&Workload { local_bytes: 0.0, ..Workload::default() });
        assert!(empty.heartbeats < 1e-3);
    }

    #[test]
    fn a_share_of_touches_may_be_given() {
        let told = of(&Workload { touch_share: Some(0.05), ..Workload::default() });
        assert!((told.touches - 500.0).abs() < 1e-9);
    }

    #[test]
    fn the_defaults_are_those_of_the_store() {
        use session_redis::defaults;
        assert_eq!(LARGEST_DELTA, defaults::MESSAGE_DELTA_BYTES as f64);
        assert_eq!(WAITING_CHANGES, defaults::SUBSCRIBER_BUFFER as f64);
        assert_eq!(HEALTH_CHECKS, 2.0 / defaults::HEALTH_INTERVAL.as_secs_f64());
        assert_eq!(Workload::default().partitions, defaults::PARTITIONS);
    }
}
