//! The slots of all partitions, and the subscribers.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use session_core::{
    Principal,
    model::{Delta, IdDigest, Timestamp},
    store::{
        FeedItem, IndexedSession, Origin, RevocationId,
        machine::{Effect, Slot, Slots},
    },
};

use super::queue::Queue;

#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: HashMap<IdDigest, Slot>,
    /// Sessions in the order in which they arrived at their ids.
    arrivals: Vec<IdDigest>,
    sequences: HashMap<u16, u64>,
    pub(crate) revocations: HashMap<Principal, RevocationId>,
    pub(crate) subscribers: Vec<Weak<Queue>>,
    pub(crate) barriers: u64,
}

/// Few, so that tests meet both equal and different ones.
pub(crate) const PARTITIONS: u16 = 4;

impl Slots for Table {
    fn get(&self, id: &IdDigest) -> Option<&Slot> {
        self.slots.get(id)
    }

    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot> {
        self.slots.get_mut(id)
    }

    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot> {
        if matches!(slot, Slot::Live(_)) {
            self.arrivals.push(id);
        }
        self.slots.insert(id, slot)
    }
}

impl Table {
    /// Removes a slot, which no correct store does.
    pub(crate) fn remove(&mut self, id: &IdDigest) {
        self.slots.remove(id);
    }

    /// A table on which a step can be tried.
    pub(crate) fn copy_of_slots(&self) -> Self {
        Self { slots: self.slots.clone(), ..Self::default() }
    }

    pub(crate) fn follow_forward(&self, now: Timestamp, id: &IdDigest) -> IdDigest {
        match self.get(id) {
            Some(Slot::Forward(forward)) if forward.until > now => self.follow_forward(now, &forward.to),
            _ => *id,
        }
    }

    /// The live sessions of a principal, the latest sign-in first.
    pub(crate) fn sessions(&self, now: Timestamp, principal: &Principal) -> Vec<IndexedSession> {
        let mut sessions: Vec<IndexedSession> = self
            .arrivals
            .iter()
            .filter_map(|id| match self.get(id) {
                Some(Slot::Live(live)) if live.principal() == Some(principal) => {
                    let (signed_in_at, deadlines) = (live.record().signed_in_at()?, live.record().deadlines());
                    (now < deadlines.expires_at()).then(|| IndexedSession {
                        digest: *id,
                        signed_in_at,
                        expires_at: deadlines.expires_at(),
                        note: live.note().cloned(),
                    })
                }
                _ => None,
            })
            .collect();
        sessions.reverse();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.signed_in_at));
        sessions
    }

    pub(crate) fn publish(&mut self, origin: Origin, effect: &Effect, delta: Option<&Delta>) {
        let partition = effect.digest.partition() % PARTITIONS;
        let sequence = self.sequences.entry(partition).or_insert(u64::from(partition) << 40);
        *sequence += 1;
        let place = (partition, *sequence);
        let delta = delta.filter(|delta| !delta.is_empty()).cloned().map(Arc::new);
        self.send(&FeedItem::Change(effect.at(place, origin, delta)));
    }

    pub(crate) fn send(&mut self, item: &FeedItem) {
        self.subscribers.retain(|subscriber| subscriber.upgrade().map(|queue| queue.push(item.clone())).is_some());
    }
}
