//! What reaches the servers in a second, and what they send.

use super::{
    constants::Constants,
    hits::Hits,
    popularity::Class,
    workload::{Topology, Workload},
};

/// Signs of life that each node asks of each primary in a second: one on the connection of the calls (`HELLO`) and one on
/// that of the feed (`GETEX`), by default.
pub const SIGNS_OF_LIFE: f64 = 2.0;
/// A node compares one copy with the store every ten seconds.
pub const SELF_CHECKS: f64 = 0.1;
/// Connections of a node to each primary: one for its calls, one for the feed.
pub const CONNECTIONS: f64 = 2.0;
/// For so many seconds a destroyed session leaves a tombstone.
pub const TOMBSTONE: f64 = 600.0;
/// A session is touched when this share of its idle timeout has passed since it was last renewed.
const TOUCH_SHARE: f64 = 0.1;

/// Per second, on all servers and from all nodes together.
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
    /// New sessions: sessions / life.
    pub creates: f64,
    /// Sessions that are destroyed.
    pub destroys: f64,
    /// Heartbeats: nodes / interval, on a cluster times the partitions in which a node has copies.
    pub heartbeats: f64,
    /// Signs of life of connections: 2 · nodes · primaries.
    pub signs_of_life: f64,
    /// Changes that are published: applies, creates, destroys.
    pub changes: f64,
    /// Messages that are sent: changes · nodes, for every node hears every change.
    pub messages: f64,
}

/// An operation, how often it happens, and what one takes of a server's processor in microseconds, without system calls.
pub type Operation = (&'static str, f64, f64);

impl Traffic {
    /// Of a number of primaries.
    pub fn of(workload: &Workload, classes: &[Class], hits: &Hits, primaries: f64) -> Self {
        let requests = workload.requests;
        let touches = workload.touch_share.map_or_else(|| touches(workload, classes), |share| share * requests);
        let applies = requests * workload.write_share;
        let (creates, destroys) = (workload.births(), workload.births() * workload.destroy_share);
        let changes = applies + creates + destroys;
        Self {
            loads: requests * hits.filled,
            conditional: requests * hits.revalidated + workload.nodes * SELF_CHECKS,
            applies,
            touches,
            creates,
            destroys,
            heartbeats: workload.nodes / workload.heartbeat() * beaten(workload, hits.copies),
            signs_of_life: SIGNS_OF_LIFE * workload.nodes * primaries,
            changes,
            messages: changes * workload.nodes,
        }
    }

    /// What the servers' processors do, but for messages and system calls.
    pub fn operations(&self, constants: &Constants) -> [Operation; 8] {
        [
            ("load", self.loads, constants.load_us),
            ("conditional load", self.conditional, constants.conditional_us),
            ("apply", self.applies, constants.apply_us),
            ("touch", self.touches, constants.touch_us),
            ("create", self.creates, constants.create_us),
            ("destroy", self.destroys, constants.destroy_us),
            ("heartbeat", self.heartbeats, constants.heartbeat_us),
            ("sign of life", self.signs_of_life, constants.heartbeat_us),
        ]
    }

    /// Requests of the application's own, which come one by one; heartbeats come together.
    pub fn calls(&self) -> f64 {
        self.loads + self.conditional + self.applies + self.touches + self.creates + self.destroys
    }

    /// Bytes that the servers send; `names and values` of sessions go with loads, those of updates with messages.
    pub fn bytes_out(&self, workload: &Workload, constants: &Constants) -> f64 {
        self.loads * (workload.session_bytes + constants.load_wire_bytes)
            + self.messages * message_bytes(workload, constants)
            + self.conditional * constants.conditional_wire_bytes
            + self.touches * constants.touch_wire_bytes
            + (self.heartbeats + self.signs_of_life) * constants.heartbeat_wire_bytes
    }

    /// Bytes that the servers receive. The figures on the wire are of both ways, so each direction is an upper bound.
    pub fn bytes_in(&self, workload: &Workload, constants: &Constants) -> f64 {
        self.applies * (2.0 * workload.delta_bytes + constants.apply_wire_bytes)
            + self.creates * (2.0 * workload.session_bytes + constants.apply_wire_bytes)
            + self.destroys * constants.apply_wire_bytes
            + self.loads * constants.load_wire_bytes
            + self.conditional * constants.conditional_wire_bytes
            + self.touches * constants.touch_wire_bytes
            + (self.heartbeats + self.signs_of_life) * constants.heartbeat_wire_bytes
    }
}

/// A message: of an update with its delta, and nearly all are.
pub fn message_bytes(workload: &Workload, constants: &Constants) -> f64 {
    constants.message_wire_bytes + workload.delta_bytes
}

/// How many heartbeats a node sends at a time. On a cluster one for each partition in which it has copies: of P partitions
/// P · (1 - e^(-copies / P)).
fn beaten(workload: &Workload, copies: f64) -> f64 {
    match workload.topology {
        Topology::Standalone => copies.min(1.0),
        Topology::Cluster => {
            let partitions = f64::from(workload.partitions);
            -partitions * (-copies / partitions).exp_m1()
        }
    }
}

/// A session that is requested λ times a second is touched once in D + 1/λ, where D is a tenth of the idle timeout, unless an
/// update has renewed it within D: e^(-λwD).
fn touches(workload: &Workload, classes: &[Class]) -> f64 {
    let pause = workload.idle * TOUCH_SHARE;
    let of = |class: &Class| {
        let unwritten = (-class.rate * workload.write_share * pause).exp();
        class.sessions * unwritten / (pause + 1.0 / class.rate)
    };
    classes.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::{hits::hits, popularity::zipf};

    fn of(workload: &Workload) -> Traffic {
        let classes = zipf(workload.sessions, workload.requests, workload.popularity);
        Traffic::of(workload, &classes, &hits(workload, &classes), 4.0)
    }

    #[test]
    fn every_node_hears_every_change() {
        let traffic = of(&Workload { nodes: 20.0, ..Workload::default() });
        let twice = of(&Workload { nodes: 40.0, ..Workload::default() });
        assert!((traffic.messages - 20.0 * traffic.changes).abs() < 1e-6);
        assert!((twice.messages - 2.0 * traffic.messages).abs() < 1e-6);
        assert_eq!(traffic.changes, traffic.applies + traffic.creates + traffic.destroys);
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

    /// At most one in a tenth of the idle timeout, and none where updates renew.
    #[test]
    fn touches_are_throttled() {
        let traffic = of(&Workload::default());
        assert!(traffic.touches <= 1e6 / 180.0);
        assert!(traffic.touches > of(&Workload { write_share: 1.0, ..Workload::default() }).touches);
        let told = of(&Workload { touch_share: Some(0.05), ..Workload::default() });
        assert!((told.touches - 500.0).abs() < 1e-9);
    }

    #[test]
    fn all_loads_are_answered_somewhere() {
        let workload = Workload::default();
        let classes = zipf(workload.sessions, workload.requests, workload.popularity);
        let hits = hits(&workload, &classes);
        let traffic = Traffic::of(&workload, &classes, &hits, 4.0);
        let asked = traffic.loads + traffic.conditional - workload.nodes * SELF_CHECKS;
        assert!((asked + hits.hits * workload.requests - workload.requests).abs() < 1e-6);
    }
}
