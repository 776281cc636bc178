//! A server: the reference machine over its slots, and what it sends to its replica.

use std::collections::{BTreeMap, VecDeque};

use session_core::{
    model::{IdDigest, Incarnation, OpId},
    store::machine::{Slot, Slots},
};

use super::Millis;

/// What a server takes itself for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Primary,
    /// Takes what the primary sends.
    Replica,
    /// Down.
    Dead,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) shard: usize,
    pub(crate) role: Role,
    /// From this moment it has no replica near enough: no writes, no heartbeats.
    pub(crate) acting_until: Millis,
    /// Nodes that cannot reach it.
    pub(crate) cut: Vec<bool>,
    pub(crate) contents: Contents,
    /// What the primary sent, and when it arrives.
    pub(crate) inbox: VecDeque<(Millis, Replicated)>,
}

/// By partition and incarnation.
pub(crate) type Lineages = BTreeMap<(u16, u64), Vec<u64>>;

/// What a server holds, and what a full copy copies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    pub(crate) slots: BTreeMap<IdDigest, Slot>,
    /// The sequence of each partition's last change.
    pub(crate) sequences: BTreeMap<u16, u64>,
    /// The updates of each session, in order.
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
        Self { shard, role, acting_until: Millis::MAX, cut: vec![false; nodes], contents, inbox: VecDeque::new() }
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.role == Role::Primary
    }

    /// Whether it takes writes and heartbeats.
    pub(crate) fn is_acting(&self, now: Millis) -> bool {
        self.is_primary() && now < self.acting_until
    }

    /// Takes what has arrived from the primary, and drops the rest: the link is gone.
    pub(crate) fn catch_up(&mut self, until: Millis) {
        for (due, change) in std::mem::take(&mut self.inbox) {
            if due <= until {
                self.contents.take(change);
            }
        }
    }

    /// Takes what has arrived, and keeps the rest.
    pub(crate) fn receive(&mut self, now: Millis) {
        while self.inbox.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, change)) = self.inbox.pop_front() {
                self.contents.take(change);
            }
        }
    }
}

impl Contents {
    /// Takes a partition out of it.
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

    /// Puts a partition into it.
    pub(crate) fn merge(&mut self, partition: Self) {
        self.slots.extend(partition.slots);
        self.sequences.extend(partition.sequences);
        self.lineages.extend(partition.lineages);
    }

    fn take(&mut self, change: Replicated) {
        self.slots.extend(change.slots);
        self.sequences.extend(change.sequence);
        if let Some((partition, incarnation, op)) = change.update {
            self.lineages.entry((partition, incarnation.bits())).or_default().push(op.bits());
        }
    }
}

/// The slots of a server, with a note of which were touched.
pub(crate) struct Touched<'s> {
    pub(crate) slots: &'s mut BTreeMap<IdDigest, Slot>,
    pub(crate) digests: Vec<IdDigest>,
}

impl Touched<'_> {
    fn touch(&mut self, id: &IdDigest) {
        if !self.digests.contains(id) {
            self.digests.push(*id);
        }
    }
}

impl Slots for Touched<'_> {
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
