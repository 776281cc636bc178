//! A publisher that may write to no server: it hears the changes that are published, and publishes others on the same
//! channels.

use std::{collections::BTreeMap, sync::Arc};

use session_core::{
    model::{Delta, EndReason, Field, Format, IdDigest, OpId, Stamp, Value},
    store::{ChangeKind, SessionChange},
};

use super::{Millis, Sim, World, feed::Push, run::FAULTS};

/// What the publisher has heard.
#[derive(Debug, Default)]
pub(crate) struct Forger {
    /// The last state of each session.
    heard: BTreeMap<IdDigest, (SessionChange, Stamp)>,
}

impl Forger {
    pub(crate) fn hear(&mut self, change: &SessionChange) {
        match (change.kind, change.after) {
            (ChangeKind::Created | ChangeKind::Applied, Some(after)) => {
                self.heard.insert(change.digest, (change.clone(), after));
            }
            _ => drop(self.heard.remove(&change.digest)),
        }
    }
}

/// A sequence of forged messages.
#[derive(Clone, Copy, Debug)]
enum Forgery {
    /// An update that follows from the session's stamp.
    Successor,
    /// Two updates that lead from the session's stamp to another one and back.
    ThereAndBack,
    /// An update that leaves the stamp as it is.
    SameStamp,
    /// The end of the session.
    End,
}

impl Sim {
    /// Publishes forged messages until the last fault has begun.
    pub(crate) async fn forge(&self, mut rng: fastrand::Rng) {
        while self.now() < FAULTS.end {
            self.sleep(rng.u64(20..1_500)).await;
            self.with(|world| world.forge(&mut rng));
        }
    }
}

impl World {
    fn forge(&mut self, rng: &mut fastrand::Rng) {
        let Some(forger) = &self.forger else { return };
        let Some((change, stamp)) = rng.choice(forger.heard.values()).cloned() else { return };
        let forgery = rng.choice([Forgery::Successor, Forgery::ThereAndBack, Forgery::SameStamp, Forgery::End]);
        let Some(forgery) = forgery else { return };
        self.coverage.count("forgeries");
        self.note(|| format!("FORGERY {forgery:?} of p{} v{}", change.partition, stamp.version()));
        let op = OpId::from(rng.u64(..));
        let steps = match forgery {
            Forgery::Successor => vec![(stamp, stamp.next(op))],
            Forgery::ThereAndBack => vec![(stamp, stamp.next(op)), (stamp.next(op), stamp)],
            Forgery::SameStamp => vec![(stamp, stamp)],
            Forgery::End => Vec::new(),
        };
        let server = self.primaries[self.home(change.partition)];
        let sequence = self.servers[server].contents.sequences.get(&change.partition).copied().unwrap_or(0);
        let forged = SessionChange { op: Some(op), delta: Some(Arc::new(forged_delta())), ..change };
        if matches!(forgery, Forgery::End) {
            let kind = ChangeKind::Destroyed(EndReason::Logout);
            let end = SessionChange { sequence: sequence + 1, kind, after: None, delta: None, ..forged.clone() };
            self.publish_forged(server, &end);
        }
        for (ahead, (before, after)) in (1..).zip(steps) {
            let (before, after) = (Some(before), Some(after));
            let step = SessionChange {
                sequence: sequence + ahead,
                before,
                after,
                kind: ChangeKind::Applied,
                ..forged.clone()
            };
            self.publish_forged(server, &step);
        }
    }

    /// Publishes a message that belongs to no version of the history.
    fn publish_forged(&mut self, server: usize, change: &SessionChange) {
        let shard = self.servers[server].shard;
        for node in 0..self.nodes.len() {
            let push_conn = &self.nodes[node].feed.push_conns[shard];
            if push_conn.conn.server == Some(server) && push_conn.subscribed.contains(&change.partition) {
                self.push(node, shard, Push::Change(change.clone(), FORGED));
            }
        }
    }

    /// A node's listener has taken a forged message.
    pub(crate) fn took_forgery(&mut self, node: usize, digest: IdDigest, now: Millis) {
        self.coverage.count("forgeries received");
        self.oracle.forgeries.took(node, digest, now);
    }
}

/// The version of the history that a forged message has created.
pub(crate) const FORGED: u64 = u64::MAX;

/// No client writes this field.
fn forged_delta() -> Delta {
    let mut delta = Delta::new();
    match Field::new("forged") {
        Ok(field) => delta.set(field, Value::new(Format::JSON, b"true")),
        Err(error) => unreachable!("a short name: {error}"),
    }
    delta
}
