//! The state that all handles of one store share.

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
    Clock, Error, ErrorKind, LoadOptions, SignIn,
    model::{Delta, IdDigest, Timestamp},
    store::{
        LoadOutcome, Origin,
        machine::{self, Effect, Rules, Slot, Slots, Step},
    },
};

use crate::{
    Stats,
    feed::{Feed, Wakeups},
    index::Index,
    quota::Quotas,
    shard::{LockedShard, Shard},
};

/// The sessions and everything that belongs to them.
///
/// Locks are always taken in this order: the sign-in lock of a principal, a session shard (one at a time), a shard of
/// the index, the list of subscribers, the queue of one subscriber.
pub(crate) struct Data {
    pub(crate) rules: Rules,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) subscriber_buffer: usize,
    pub(crate) index: Index,
    pub(crate) feed: Feed,
    shards: Box<[LockedShard]>,
    quotas: Quotas,
    cursor: AtomicUsize,
    swept: AtomicU64,
    refused: AtomicU64,
}

/// The target and the origin of a change.
#[derive(Clone, Copy)]
pub(crate) struct Mutation<'a> {
    pub(crate) origin: Origin,
    pub(crate) id: &'a IdDigest,
    /// The delta that subscribers receive if the mutation is applied.
    pub(crate) delta: Option<&'a Delta>,
    /// The capacity reserved for sessions that the mutation may add.
    pub(crate) reserved: usize,
}

/// 64 bits that must be unique but not secret, from the standard library's keyed hash. It cannot fail, so building a
/// store cannot fail for lack of random numbers.
pub(crate) fn unique_bits() -> u64 {
    RandomState::new().hash_one(0u8)
}

impl Data {
    pub(crate) fn new(
        rules: Rules,
        clock: Arc<dyn Clock>,
        partitions: u32,
        quotas: Quotas,
        subscriber_buffer: usize,
    ) -> Self {
        // The high bits are unique to this store; the low 32 bits leave room for 2^32 changes.
        let locked = |_| LockedShard::new((unique_bits() >> 1) & !u64::from(u32::MAX));
        Self {
            rules,
            clock,
            subscriber_buffer,
            index: Index::new(),
            feed: Feed::default(),
            shards: (0..partitions).map(locked).collect(),
            quotas,
            cursor: AtomicUsize::new(0),
            swept: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.shards.len() as u32
    }

    /// The partition of an id. The id may carry more partition bits than this store uses.
    fn partition(&self, id: &IdDigest) -> u16 {
        id.partition() & (self.shards.len() - 1) as u16
    }

    pub(crate) fn shard_of(&self, partition: u16) -> &LockedShard {
        &self.shards[usize::from(partition) & (self.shards.len() - 1)]
    }

    pub(crate) fn load(&self, id: &IdDigest, options: LoadOptions) -> LoadOutcome {
        let shard = self.shard_of(id.partition()).shard.read();
        machine::load(&*shard, self.clock.now(), id, options)
    }

    /// Runs `work` on the shard of a session. Its effect is not published.
    pub(crate) fn with_shard_of<T>(&self, id: &IdDigest, work: impl FnOnce(&mut Shard, Timestamp) -> T) -> T {
        self.write(self.shard_of(id.partition()), work)
    }

    /// Runs `work` on one shard under its lock, then updates the counters that depend on the change.
    ///
    /// The clock is read under the lock. So time never runs backwards for a shard, and a session that one call saw
    /// expired is never alive for a later call.
    pub(crate) fn write<T>(&self, locked: &LockedShard, work: impl FnOnce(&mut Shard, Timestamp) -> T) -> T {
        self.write_reserved(locked, 0, work)
    }

    /// The same as [`write`](Self::write), with room for `reserved` sessions reserved before the call. It is used or given
    /// back.
    fn write_reserved<T>(
        &self,
        locked: &LockedShard,
        reserved: usize,
        work: impl FnOnce(&mut Shard, Timestamp) -> T,
    ) -> T {
        let mut shard = locked.shard.write();
        let now = self.clock.now();
        let before = shard.counts();
        let outcome = work(&mut shard, now);
        if shard.is_sweep_due() {
            self.sweep_shard(&mut shard, now);
        }
        locked.publish_earliest_end(&shard);
        self.quotas.adjust(before, reserved, shard.counts());
        outcome
    }

    /// Mutates the session at `id`: runs the step, then updates the index and publishes the change.
    pub(crate) fn mutate<T>(
        &self,
        mutation: &Mutation<'_>,
        work: impl FnOnce(&mut Shard, Timestamp) -> Result<Step<T>, Error>,
    ) -> Result<T, Error> {
        let Mutation { origin, id, delta, reserved } = *mutation;
        let locked = self.shard_of(id.partition());
        let (outcome, wakeups) = self.write_reserved(locked, reserved, |shard, now| {
            let step = work(shard, now)?;
            self.update_index(shard, &step);
            let place = (self.partition(id), origin);
            let mut publish = |effect: &Option<Effect>, delta| match effect {
                Some(effect) => self.feed.publish(shard, place, effect, delta),
                None => Wakeups::default(),
            };
            // A session that ends has no delta, whatever else the request did.
            let delta = delta.filter(|_| step.effect.is_some_and(|effect| effect.after.is_some()));
            let wakeups = [publish(&step.effect, delta), publish(&step.start, None)];
            Ok::<_, Error>((step.outcome, wakeups))
        })?;
        wakeups.into_iter().for_each(Wakeups::wake);
        Ok(outcome)
    }

    /// Updates the index after a step.
    fn update_index<T>(&self, shard: &Shard, step: &Step<T>) {
        if step.index_removals.is_empty() && step.index_addition.is_none() {
            return;
        }
        let arrived = step.index_addition.as_ref().and_then(|(principal, to)| match shard.get(to) {
            Some(Slot::Live(live)) => live.record().signed_in_at().map(|at| ((principal, to), at)),
            _ => None,
        });
        self.index.update(&step.index_removals, arrived);
    }

    /// Reserves capacity for one more session, sweeping expired ones if necessary. Returns the number of
    /// sessions reserved.
    pub(crate) fn reserve(&self) -> Result<usize, Error> {
        if self.make_room(Quotas::reserve_session) { Ok(1) } else { Err(self.quotas.full_of_sessions()) }
    }

    /// Refuses without room for tombstones and forwards, sweeping ended ones if necessary.
    pub(crate) fn check_ended(&self, has_room: fn(&Quotas) -> bool) -> Result<(), Error> {
        if self.make_room(has_room) { Ok(()) } else { Err(self.quotas.full_of_ended()) }
    }

    /// Sweeps until `has_room`. Returns false if there is none without what has ended.
    fn make_room(&self, has_room: impl Fn(&Quotas) -> bool) -> bool {
        if has_room(&self.quotas) {
            return true;
        }
        let now = self.clock.now();
        self.next_shards(self.shards.len()).any(|locked| {
            locked.may_have_ended(now) && {
                self.sweep_locked(locked);
                has_room(&self.quotas)
            }
        })
    }

    /// Refuses a step without room if it needs it.
    pub(crate) fn check_reserved<T>(&self, reservation: Result<T, Error>, needed: bool) -> Result<(), Error> {
        match reservation {
            Err(refusal) if needed => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(refusal)
            }
            _ => Ok(()),
        }
    }

    /// The next `count` shards, going round all of them endlessly.
    pub(crate) fn next_shards(&self, count: usize) -> impl Iterator<Item = &LockedShard> {
        let count = count.min(self.shards.len());
        let start = self.cursor.fetch_add(count, Ordering::Relaxed);
        (0..count).map(move |n| self.shard_of((start.wrapping_add(n) & 0xffff) as u16))
    }

    /// Refuses a sign-in if its principal's sessions were revoked since the revocation that it knows of. The caller holds
    /// the lock of the session's shard.
    pub(crate) fn check_revocation(&self, sign_in: Option<&SignIn>, now: Timestamp) -> Result<(), Error> {
        let Some(sign_in) = sign_in else { return Ok(()) };
        match sign_in.last_revocation() {
            Some(known) if known != self.index.last_revocation(sign_in.principal(), now) => Err(Error::new(
                ErrorKind::Conflict,
                "the sessions of the principal were revoked since its password was checked; check it again",
            )),
            _ => Ok(()),
        }
    }

    /// Waits for every step that is in progress.
    pub(crate) fn wait_for_steps(&self) {
        for locked in &self.shards {
            drop(locked.shard.read());
        }
    }

    /// Removes the slot at one digest if it has ended. Returns false if there was none.
    pub(crate) fn remove_ended(&self, shard: &mut Shard, now: Timestamp, id: &IdDigest) -> bool {
        let removed = shard.remove_ended(id, now, |principal, digest| self.index.remove(principal, digest));
        self.swept.fetch_add(u64::from(removed), Ordering::Relaxed);
        removed
    }

    /// Removes the ended slots of one shard.
    pub(crate) fn sweep_locked(&self, locked: &LockedShard) -> usize {
        self.write(locked, |shard, now| self.sweep_shard(shard, now))
    }

    fn sweep_shard(&self, shard: &mut Shard, now: Timestamp) -> usize {
        let swept = shard.sweep(now, |principal, digest| self.index.remove(principal, digest));
        self.swept.fetch_add(swept as u64, Ordering::Relaxed);
        swept
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats {
            principals: self.index.principals(),
            subscribers: self.feed.subscribers(),
            swept: self.swept.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            ..Stats::default()
        };
        for locked in &self.shards {
            let counts = locked.shard.read().counts();
            stats.sessions += counts.sessions;
            stats.tombstones += counts.tombstones;
            stats.forwards += counts.forwards;
        }
        stats
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data").field("partitions", &self.shards.len()).finish_non_exhaustive()
    }
}
