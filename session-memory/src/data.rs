//! What all handles of one store share.

use std::{
    collections::hash_map::RandomState,
    fmt,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use session_core::{
    Clock, Error, ErrorKind, LoadOptions,
    model::{Delta, IdDigest, Timestamp},
    store::{
        Absent, LoadOutcome, Origin,
        machine::{self, Rules, Slot, Slots, Step},
    },
};

use crate::{
    Stats,
    feed::{Feed, Wakeups},
    index::Index,
    shard::{Cell, Shard},
};

/// The sessions and all that belongs to them.
///
/// Locks are taken in this order, and only in this order: the gate of a capped sign-in, a session shard (one at a
/// time), a listing of the index, the list of subscribers, the queue of one.
pub(crate) struct Data {
    pub(crate) rules: Rules,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) feed_bound: usize,
    pub(crate) index: Index,
    pub(crate) feed: Feed,
    cells: Box<[Cell]>,
    room: Option<Room>,
    cursor: AtomicUsize,
    swept: AtomicU64,
    refused: AtomicU64,
}

/// Places for sessions, in a store of limited capacity.
struct Room {
    capacity: usize,
    /// Sessions there are, expired ones included, and those being created.
    taken: AtomicUsize,
}

/// What is to be changed, and by whom.
#[derive(Clone, Copy)]
pub(crate) struct Mutation<'a> {
    pub(crate) origin: Origin,
    pub(crate) id: &'a IdDigest,
    /// What is told to subscribers, if it is applied.
    pub(crate) delta: Option<&'a Delta>,
    /// Taken for sessions that it may add.
    pub(crate) places: usize,
}

/// 64 bits for what must be unique but not secret, from the standard library's keyed hash: it cannot fail, so that
/// making a store cannot.
pub(crate) fn unique_bits() -> u64 {
    RandomState::new().hash_one(0u8)
}

impl Data {
    pub(crate) fn new(
        rules: Rules,
        clock: Arc<dyn Clock>,
        partitions: u32,
        capacity: Option<usize>,
        feed_bound: usize,
    ) -> Self {
        // High bits that no store had before, and room for 2^32 changes below the next store's.
        let cell = |_| Cell::new((unique_bits() >> 1) & !u64::from(u32::MAX));
        Self {
            rules,
            clock,
            feed_bound,
            index: Index::new(),
            feed: Feed::default(),
            cells: (0..partitions).map(cell).collect(),
            room: capacity.map(|capacity| Room { capacity, taken: AtomicUsize::new(0) }),
            cursor: AtomicUsize::new(0),
            swept: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.cells.len() as u32
    }

    /// The partition of an id; its bits may be more than this store uses.
    fn partition(&self, id: &IdDigest) -> u16 {
        id.partition() & (self.cells.len() - 1) as u16
    }

    pub(crate) fn cell_of(&self, partition: u16) -> &Cell {
        &self.cells[usize::from(partition) & (self.cells.len() - 1)]
    }

    pub(crate) fn load(&self, id: &IdDigest, options: LoadOptions) -> LoadOutcome {
        let shard = self.cell_of(id.partition()).shard.read();
        machine::load(&*shard, self.clock.now(), id, options)
    }

    /// Works on the shard of a session, without an effect that others are told of.
    pub(crate) fn on_session<T>(&self, id: &IdDigest, work: impl FnOnce(&mut Shard, Timestamp) -> T) -> T {
        self.write(self.cell_of(id.partition()), work)
    }

    /// Works on one shard under its lock, and keeps the books that depend on what it held before.
    ///
    /// The clock is read under the lock: so time never runs backwards for a shard, and what one call saw expired, no
    /// later one finds alive.
    pub(crate) fn write<T>(&self, cell: &Cell, work: impl FnOnce(&mut Shard, Timestamp) -> T) -> T {
        self.write_reserved(cell, 0, work)
    }

    /// The same, with so many places taken before, which are used or given back.
    fn write_reserved<T>(&self, cell: &Cell, places: usize, work: impl FnOnce(&mut Shard, Timestamp) -> T) -> T {
        let mut shard = cell.shard.write();
        let now = self.clock.now();
        let before = shard.census().sessions + places;
        let outcome = work(&mut shard, now);
        if shard.is_sweep_due() {
            self.sweep_shard(&mut shard, now);
        }
        cell.publish_bound(&shard);
        if let Some(room) = &self.room {
            room.adjust(before, shard.census().sessions);
        }
        outcome
    }

    /// A mutation of the session at `id`: runs its step, then updates the index and tells the subscribers.
    pub(crate) fn mutate<T>(
        &self,
        mutation: &Mutation<'_>,
        work: impl FnOnce(&mut Shard, Timestamp) -> Result<Step<T>, Error>,
    ) -> Result<T, Error> {
        let Mutation { origin, id, delta, places } = *mutation;
        let cell = self.cell_of(id.partition());
        let (outcome, wakeups) = self.write_reserved(cell, places, |shard, now| {
            let step = work(shard, now)?;
            self.list(shard, &step);
            let wakeups = match &step.effect {
                Some(effect) => self.feed.publish(shard, (self.partition(id), origin), effect, delta),
                None => Wakeups::default(),
            };
            Ok((step.outcome, wakeups))
        })?;
        wakeups.wake();
        Ok(outcome)
    }

    /// Makes the index follow a step.
    fn list<T>(&self, shard: &Shard, step: &Step<T>) {
        if step.departed.is_empty() && step.arrived.is_none() {
            return;
        }
        let arrived = step.arrived.as_ref().and_then(|(principal, to)| match shard.get(to) {
            Some(Slot::Live(live)) => live.signed_in_at().map(|at| ((principal, to), at)),
            _ => None,
        });
        self.index.moved(&step.departed, arrived);
    }

    /// Takes a place for one more session, sweeping for one if need be, and tells how many were taken.
    pub(crate) fn take_place(&self) -> Result<usize, Error> {
        let Some(room) = &self.room else { return Ok(0) };
        if room.take() {
            return Ok(1);
        }
        let now = self.clock.now();
        for cell in self.next_cells(self.cells.len()) {
            if cell.may_have_ended(now) {
                self.sweep_cell(cell);
                if room.take() {
                    return Ok(1);
                }
            }
        }
        let message = format!("the store is full: it holds {} sessions, and none has expired", room.capacity);
        Err(Error::new(ErrorKind::LimitExceeded, message))
    }

    /// Refuses a create that found no place, unless it adds no session: then it is a repeat, or finds the id in use.
    pub(crate) fn refuse_one_more(
        &self,
        place: Result<usize, Error>,
        shard: &Shard,
        now: Timestamp,
        id: &IdDigest,
    ) -> Result<(), Error> {
        let Err(refusal) = place else { return Ok(()) };
        match machine::load(shard, now, id, LoadOptions::default()) {
            LoadOutcome::Absent(Absent::NotFound(None)) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(refusal)
            }
            _ => Ok(()),
        }
    }

    /// The next so many cells of an endless round.
    pub(crate) fn next_cells(&self, count: usize) -> impl Iterator<Item = &Cell> {
        let count = count.min(self.cells.len());
        let start = self.cursor.fetch_add(count, Ordering::Relaxed);
        (0..count).map(move |n| self.cell_of((start.wrapping_add(n) & 0xffff) as u16))
    }

    /// Removes what has ended at one digest; false if nothing had.
    pub(crate) fn forget_ended(&self, shard: &mut Shard, now: Timestamp, id: &IdDigest) -> bool {
        let forgot = shard.forget_ended(id, now, |principal, digest| self.index.depart(principal, digest));
        self.swept.fetch_add(u64::from(forgot), Ordering::Relaxed);
        forgot
    }

    /// Removes what has ended in one cell.
    pub(crate) fn sweep_cell(&self, cell: &Cell) -> usize {
        self.write(cell, |shard, now| self.sweep_shard(shard, now))
    }

    fn sweep_shard(&self, shard: &mut Shard, now: Timestamp) -> usize {
        let swept = shard.sweep(now, |principal, digest| self.index.depart(principal, digest));
        self.swept.fetch_add(swept as u64, Ordering::Relaxed);
        swept
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats {
            principals: self.index.principals(),
            subscribers: self.feed.listeners(),
            swept: self.swept.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            ..Stats::default()
        };
        for cell in &self.cells {
            let census = cell.shard.read().census();
            stats.sessions += census.sessions;
            stats.tombstones += census.tombstones;
            stats.forwards += census.forwards;
        }
        stats
    }
}

impl Room {
    fn take(&self) -> bool {
        let one_more = |taken: usize| (taken < self.capacity).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok()
    }

    fn adjust(&self, before: usize, after: usize) {
        if after > before {
            self.taken.fetch_add(after - before, Ordering::AcqRel);
        } else if before > after {
            self.taken.fetch_sub(before - after, Ordering::AcqRel);
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data").field("partitions", &self.cells.len()).finish_non_exhaustive()
    }
}
