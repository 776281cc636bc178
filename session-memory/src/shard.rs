//! One shard: the slots of some partitions, behind one lock.

use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::{HashTable, hash_table::Entry};
use parking_lot::RwLock;
use session_core::{
    Principal,
    model::{IdDigest, Timestamp},
    store::machine::{Slot, Slots},
};

/// A shard with fewer slots than this does not sweep itself.
const MIN_SWEEP_SIZE: usize = 32;

/// A shard and its lock, in cache lines of their own, so that two shards never contend for one line.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct LockedShard {
    /// No slot of this shard ends before this moment. Readable without the lock.
    earliest_end: AtomicU64,
    pub(crate) shard: RwLock<Shard>,
}

impl LockedShard {
    /// An empty shard whose changes are numbered from `sequence` on.
    pub(crate) fn new(sequence: u64) -> Self {
        Self { earliest_end: AtomicU64::new(Timestamp::MAX.as_millis()), shard: RwLock::new(Shard::new(sequence)) }
    }

    /// Whether some slot may have ended. False positives are possible, because each use moves a session's end.
    pub(crate) fn may_have_ended(&self, now: Timestamp) -> bool {
        self.earliest_end.load(Ordering::Acquire) <= now.as_millis()
    }

    /// Makes the earliest end readable without the lock. The caller holds the lock.
    pub(crate) fn publish_earliest_end(&self, shard: &Shard) {
        let earliest_end = shard.earliest_end.as_millis();
        if self.earliest_end.load(Ordering::Relaxed) != earliest_end {
            self.earliest_end.store(earliest_end, Ordering::Release);
        }
    }
}

/// The slots of some partitions. Ids that rotate into each other share a partition, and therefore a shard.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Keyed by [`IdDigest::hash_bits`]: a digest is uniformly random already.
    table: HashTable<(IdDigest, Slot)>,
    counts: SlotCounts,
    /// The number of the last change.
    sequence: u64,
    earliest_end: Timestamp,
    /// The number of slots at which the shard sweeps itself: twice the number left after the last sweep.
    sweep_at: usize,
}

/// The number of slots of each kind, including ended ones.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SlotCounts {
    pub(crate) sessions: usize,
    pub(crate) tombstones: usize,
    pub(crate) forwards: usize,
}

impl SlotCounts {
    /// The number of tombstones and forwards.
    pub(crate) fn ended(&self) -> usize {
        self.tombstones + self.forwards
    }

    fn of(&mut self, slot: &Slot) -> &mut usize {
        match slot {
            Slot::Live(_) => &mut self.sessions,
            Slot::Tombstone(_) => &mut self.tombstones,
            Slot::Forward(_) => &mut self.forwards,
        }
    }
}

fn hash(entry: &(IdDigest, Slot)) -> u64 {
    entry.0.hash_bits()
}

impl Shard {
    fn new(sequence: u64) -> Self {
        Self {
            table: HashTable::new(),
            counts: SlotCounts::default(),
            sequence,
            earliest_end: Timestamp::MAX,
            sweep_at: MIN_SWEEP_SIZE,
        }
    }

    pub(crate) fn counts(&self) -> SlotCounts {
        self.counts
    }

    /// The number of the next change.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Whether the shard has grown enough since the last sweep to pay for another.
    pub(crate) fn is_sweep_due(&self) -> bool {
        self.table.len() >= self.sweep_at
    }

    /// Removes ended slots, and reports each removed session to `departed`. Returns how many slots were removed.
    pub(crate) fn sweep(&mut self, now: Timestamp, mut departed: impl FnMut(&Principal, &IdDigest)) -> usize {
        let before = self.table.len();
        let (counts, mut earliest_end) = (&mut self.counts, Timestamp::MAX);
        self.table.retain(|(digest, slot)| {
            let ends_at = slot.ends_at();
            let stays = ends_at > now;
            if stays {
                earliest_end = earliest_end.min(ends_at);
            } else {
                *counts.of(slot) -= 1;
                principal(slot).inspect(|principal| departed(principal, digest));
            }
            stays
        });
        self.earliest_end = earliest_end;
        self.plan_next_sweep();
        before - self.table.len()
    }

    /// Removes the slot at one digest if it has ended.
    pub(crate) fn remove_ended(
        &mut self,
        id: &IdDigest,
        now: Timestamp,
        mut departed: impl FnMut(&Principal, &IdDigest),
    ) -> bool {
        let found = self.table.find_entry(id.hash_bits(), |(digest, _)| digest == id);
        let Ok(found) = found else { return false };
        if found.get().1.ends_at() > now {
            return false;
        }
        let ((digest, slot), _) = found.remove();
        *self.counts.of(&slot) -= 1;
        principal(&slot).inspect(|principal| departed(principal, &digest));
        true
    }

    /// After a sweep: plans the next one, and frees memory when most of the table is empty.
    fn plan_next_sweep(&mut self) {
        let len = self.table.len();
        self.sweep_at = MIN_SWEEP_SIZE.max(len * 2);
        if self.table.capacity() > MIN_SWEEP_SIZE.max(len * 4) {
            self.table.shrink_to(len * 2, hash);
        }
    }
}

fn principal(slot: &Slot) -> Option<&Principal> {
    match slot {
        Slot::Live(live) => live.principal(),
        Slot::Tombstone(_) | Slot::Forward(_) => None,
    }
}

impl Slots for Shard {
    fn get(&self, id: &IdDigest) -> Option<&Slot> {
        self.table.find(id.hash_bits(), |(digest, _)| digest == id).map(|(_, slot)| slot)
    }

    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot> {
        self.table.find_mut(id.hash_bits(), |(digest, _)| digest == id).map(|(_, slot)| slot)
    }

    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot> {
        *self.counts.of(&slot) += 1;
        self.earliest_end = self.earliest_end.min(slot.ends_at());
        match self.table.entry(id.hash_bits(), |(digest, _)| *digest == id, hash) {
            Entry::Occupied(mut occupied) => {
                let old = std::mem::replace(&mut occupied.get_mut().1, slot);
                *self.counts.of(&old) -= 1;
                Some(old)
            }
            Entry::Vacant(vacant) => {
                vacant.insert((id, slot));
                None
            }
        }
    }
}
