//! A server: the slots of the reference machine, and replication.

use std::collections::{BTreeMap, VecDeque};

use session_core::{
    model::{IdDigest, Incarnation, OpId},
    store::machine::{Slot, Slots},
};

use super::Millis;

/// The role of a server, as it sees itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Primary,
    /// Applies what the primary sends.
    Replica,
    /// Down.
    Dead,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) shard: usize,
    pub(crate) role: Role,
    /// From this moment its replica lags too far behind, and it accepts no writes and no heartbeats.
    pub(crate) accepts_writes_until: Millis,
    /// By node: whether it cannot reach this server.
    pub(crate) cut: Vec<bool>,
    pub(crate) contents: Contents,
    /// Changes from the primary, with their time of arrival.
    pub(crate) inbox: VecDeque<(Millis, Replicated)>,
}

/// The updates of each session in order, by partition and incarnation.
pub(crate) type Lineages = BTreeMap<(u16, u64), Vec<u64>>;

/// The data of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) slots: BTreeMap<IdDigest, Slot>,
    /// The sequence of each partition's last change.
    pub(crate) sequences: BTreeMap<u16, u64>,
    pub(crate) lineages: Lineages,
}

/// One change, as a replica gets it.
#[derive(Clone, Debug)]
pub(crate) struct Replicated {
    pub(crate) slots: Vec<(IdDigest, Slot)>,
    pub(crate) sequence: Option<(u16, u64)>,
    pub(crate) update: Option<(u16, Incarnation, OpId)>,
}

impl Server {
    pub(crate) fn new(shard: usize, role: Role, nodes: usize) -> Self {
        let contents = Contents::default();
        Self {
            shard,
            role,
            accepts_writes_until: Millis::MAX,
            cut: vec![false; nodes],
            contents,
            inbox: VecDeque::new(),
        }
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.role == Role::Primary
    }

    /// Whether it accepts writes and heartbeats.
    pub(crate) fn accepts_writes(&self, now: Millis) -> bool {
        self.is_primary() && now < self.accepts_writes_until
    }

    /// Applies the changes that have arrived from the primary, and drops the others because the link is gone. Returns the
    /// slots of those.
    pub(crate) fn catch_up(&mut self, until: Millis) -> Vec<IdDigest> {
        let mut dropped = Vec::new();
        for (due, change) in std::mem::take(&mut self.inbox) {
            if due <= until {
                self.contents.take(change);
            } else {
                dropped.extend(change.slots.iter().map(|(digest, _)| *digest));
            }
        }
        dropped
    }

    /// Applies the changes that have arrived, and keeps the others.
    pub(crate) fn receive(&mut self, now: Millis) {
        while self.inbox.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, change)) = self.inbox.pop_front() {
                self.contents.take(change);
            }
        }
    }
}

impl Contents {
    /// Removes a partition.
    pub(crate) fn split_off(&mut self, partition: u16) -> Self {
        let (slots, others) =
            std::mem::take(&mut self.slots).into_iter().partition(|(id, _)| id.partition() == partition);
        self.slots = others;
        let (lineages, others) =
            std::mem::take(&mut self.lineages).into_iter().partition(|((of, _), _)| *of == partition);
        self.lineages = others;
        let sequence = self.sequences.remove(&partition);
        Self { slots, lineages, sequences: sequence.map(|sequence| (partition, sequence)).into_iter().collect() }
    }

    /// Adds a partition.
    pub(crate) fn merge(&mut self, partition: Self) {
        self.slots.extend(partition.slots);
        self.sequences.extend(partition.sequences);
        self.lineages.extend(partition.lineages);
    }

    fn take(&mut self, change: Replicated) {
        self.slots.extend(change.slots);
        self.sequences.extend(change.sequence);
        if let Some((partition, incarnation, op)) = change.update {
            self.lineages.entry((partition, u64::from(incarnation))).or_default().push(u64::from(op));
        }
    }
}

/// The slots of a server. Records which of them were touched.
pub(crate) struct TrackedSlots<'s> {
    pub(crate) slots: &'s mut BTreeMap<IdDigest, Slot>,
    pub(crate) digests: Vec<IdDigest>,
}

impl TrackedSlots<'_> {
    fn touch(&mut self, id: &IdDigest) {
        if !self.digests.contains(id) {
            self.digests.push(*id);
        }
    }
}

impl Slots for TrackedSlots<'_> {
    fn get(&self, id: &IdDigest) -> Option<&Slot> {
        self.slots.get(id)
    }

    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot> {
        self.touch(id);
        self.slots.get_mut(id)
    }

    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot> {
        self.touch(&id);
        self.slots.insert(id, slot)
    }
}
