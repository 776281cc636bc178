//! One shard: the slots of some partitions, behind one lock.

use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::{HashTable, hash_table::Entry};
use parking_lot::RwLock;
use session_core::{
    Principal,
    model::{IdDigest, Timestamp},
    store::machine::{Slot, Slots},
};

/// A shard with a table smaller than this is not swept because of its growth.
const LEAST_GROWTH: usize = 32;

/// A shard behind its lock, in cache lines of its own, so that two shards never slow each other down.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Cell {
    /// No slot of this shard ends before this moment; read without the lock.
    earliest_end: AtomicU64,
    pub(crate) shard: RwLock<Shard>,
}

impl Cell {
    /// An empty shard whose changes are numbered from here.
    pub(crate) fn new(sequence: u64) -> Self {
        Self { earliest_end: AtomicU64::new(Timestamp::MAX.as_millis()), shard: RwLock::new(Shard::new(sequence)) }
    }

    /// Whether some slot can have ended. False positives are possible, as a use moves a session's end.
    pub(crate) fn may_have_ended(&self, now: Timestamp) -> bool {
        self.earliest_end.load(Ordering::Acquire) <= now.as_millis()
    }

    /// Makes the bound known outside; for the holder of the lock.
    pub(crate) fn publish_bound(&self, shard: &Shard) {
        let bound = shard.earliest_end.as_millis();
        if self.earliest_end.load(Ordering::Relaxed) != bound {
            self.earliest_end.store(bound, Ordering::Release);
        }
    }
}

/// The slots of some partitions. Ids that rotate into each other share a partition, hence a shard.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Found by [`IdDigest::hash_bits`]: a digest is uniformly random already.
    table: HashTable<(IdDigest, Slot)>,
    census: Census,
    /// The number of the last change.
    sequence: u64,
    earliest_end: Timestamp,
    /// The size at which it sweeps itself: twice what was live after the last sweep.
    sweep_at: usize,
}

/// How many slots of each kind there are, ended ones included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Census {
    pub(crate) sessions: usize,
    pub(crate) tombstones: usize,
    pub(crate) forwards: usize,
}

impl Census {
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
            census: Census::default(),
            sequence,
            earliest_end: Timestamp::MAX,
            sweep_at: LEAST_GROWTH,
        }
    }

    pub(crate) fn census(&self) -> Census {
        self.census
    }

    /// Numbers one more change.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Whether it has grown enough since the last sweep to pay for another.
    pub(crate) fn is_sweep_due(&self) -> bool {
        self.table.len() >= self.sweep_at
    }

    /// Removes what has ended and tells the principals of removed sessions. Returns how many slots were removed.
    pub(crate) fn sweep(&mut self, now: Timestamp, mut departed: impl FnMut(&Principal, &IdDigest)) -> usize {
        let before = self.table.len();
        let (census, mut earliest_end) = (&mut self.census, Timestamp::MAX);
        self.table.retain(|(digest, slot)| {
            let ends_at = slot.ends_at();
            let stays = ends_at > now;
            if stays {
                earliest_end = earliest_end.min(ends_at);
            } else {
                *census.of(slot) -= 1;
                principal(slot).inspect(|principal| departed(principal, digest));
            }
            stays
        });
        self.earliest_end = earliest_end;
        self.settle_size();
        before - self.table.len()
    }

    /// Removes what has ended at one digest.
    pub(crate) fn forget_ended(
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
        *self.census.of(&slot) -= 1;
        principal(&slot).inspect(|principal| departed(principal, &digest));
        true
    }

    /// After a sweep: plans the next one, and gives back memory when most of the table is empty.
    fn settle_size(&mut self) {
        let len = self.table.len();
        self.sweep_at = LEAST_GROWTH.max(len * 2);
        if self.table.capacity() > LEAST_GROWTH.max(len * 4) {
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
        *self.census.of(&slot) += 1;
        self.earliest_end = self.earliest_end.min(slot.ends_at());
        match self.table.entry(id.hash_bits(), |(digest, _)| *digest == id, hash) {
            Entry::Occupied(mut there) => {
                let old = std::mem::replace(&mut there.get_mut().1, slot);
                *self.census.of(&old) -= 1;
                Some(old)
            }
            Entry::Vacant(free) => {
                free.insert((id, slot));
                None
            }
        }
    }
}
