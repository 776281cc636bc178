//! The local cache: copies, and everything that decides whether one may answer.
//!
//! No input or output, no waiting. Reads are lock-free; whoever changes a copy works at the [`Desk`] of its partition.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::MutexGuard;
use session_core::{
    LoadOptions,
    model::{IdDigest, Stamp, Timestamp},
    store::LoadOutcome,
};

use crate::{
    Capacity,
    copy::{Copy, Known, Vouched},
    epoch::Epochs,
    fill::FillId,
    hash::ByDigest,
    keeper::{Eviction, Keeper},
    lease::Term,
    partition::{Desk, Partition},
    stats::Counters,
};

/// What a cache is set to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) term: Term,
    /// In milliseconds.
    pub(crate) max_age: u64,
    pub(crate) sessions: Capacity,
    pub(crate) absent: Capacity,
    pub(crate) eviction: Eviction,
    #[cfg(feature = "simulation")]
    pub(crate) simulation: Simulation,
}

/// What only simulations set.
#[cfg(feature = "simulation")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Simulation {
    pub(crate) mutant: Option<crate::Mutant>,
    pub(crate) first_in_first_out: bool,
}

#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) rules: Rules,
    pub(crate) counters: Counters,
    pub(crate) epochs: Epochs,
    map: papaya::HashMap<IdDigest, Copy, ByDigest>,
    partitions: Box<[Partition]>,
    sessions: Keeper,
    absent: Keeper,
    fills: AtomicU64,
    /// Rung when there is a copy in a partition without a lease.
    pub(crate) needed: tokio::sync::Notify,
}

/// Whether a broken mechanism is switched in; without the feature the answer is known when compiling.
macro_rules! broken {
    ($local:expr, $mutant:ident) => {{
        #[cfg(feature = "simulation")]
        let broken = $local.rules.simulation.mutant == Some(crate::Mutant::$mutant);
        #[cfg(not(feature = "simulation"))]
        let broken = false;
        broken
    }};
}
pub(crate) use broken;

impl Local {
    pub(crate) fn new(rules: Rules, partitions: u32) -> Arc<Self> {
        Arc::new_cyclic(|local: &Weak<Self>| {
            let keeper = |is_session: bool| {
                let local = local.clone();
                let evict = Box::new(move |digest: &IdDigest| {
                    if let Some(local) = local.upgrade() {
                        local.displace(digest, is_session);
                    }
                });
                let capacity = if is_session { rules.sessions } else { rules.absent };
                #[cfg(feature = "simulation")]
                if rules.simulation.first_in_first_out {
                    return Keeper::first_in_first_out(capacity, evict);
                }
                Keeper::new(capacity, rules.eviction, evict)
            };
            Self {
                rules,
                counters: Counters::default(),
                epochs: Epochs::new(),
                map: papaya::HashMap::with_hasher(ByDigest::default()),
                partitions: (0..partitions.max(1)).map(|_| Partition::new()).collect(),
                sessions: keeper(true),
                absent: keeper(false),
                fills: AtomicU64::new(0),
                needed: tokio::sync::Notify::new(),
            }
        })
    }

    pub(crate) fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The partition of a session; there is a power of two of them.
    pub(crate) fn partition(&self, digest: &IdDigest) -> &Partition {
        &self.partitions[usize::from(digest.partition()) & (self.partitions.len() - 1)]
    }

    /// The answer of a copy that may give one.
    pub(crate) fn hit(&self, digest: &IdDigest, options: &LoadOptions, now: Timestamp) -> Option<LoadOutcome> {
        let map = self.map.pin();
        let copy = map.get(digest)?;
        if options.floor.is_some_and(|floor| !copy.stamp().is_some_and(|stamp| floor.admits(stamp))) {
            return None;
        }
        let Some(left) = self.partition(digest).lease_left(copy.vouched.epoch, now) else {
            self.counters.lease_losses.count();
            return None;
        };
        if copy.vouched.age_millis(now) >= self.rules.max_age {
            return None;
        }
        let answer = copy.answer(options.known, now)?;
        self.counters.hit(self.rules.term.step(left));
        self.keeper(&copy.known).note(digest);
        Some(answer)
    }

    /// The stamp that would be served now.
    pub(crate) fn served(&self, digest: &IdDigest, now: Timestamp) -> Option<Stamp> {
        let map = self.map.pin();
        let copy = map.get(digest)?;
        self.partition(digest).lease_left(copy.vouched.epoch, now)?;
        let may_answer = copy.vouched.age_millis(now) < self.rules.max_age && copy.answer(None, now).is_some();
        if may_answer { copy.stamp() } else { None }
    }

    /// The copy of a session, whether or not it may answer, and when it was last known to be the present state.
    pub(crate) fn last_known(
        &self,
        digest: &IdDigest,
    ) -> Option<(Arc<session_core::model::Record>, Vouched, Timestamp)> {
        let map = self.map.pin();
        let copy = map.get(digest)?;
        let partition = self.partition(digest);
        // In this order, as in `Partition::lease_left`.
        let sent_at = partition.lease.sent_at(self.rules.term);
        let leased = sent_at.filter(|_| partition.epoch.number() == copy.vouched.epoch);
        let known_at = leased.map_or(copy.vouched.asked_at, |sent_at| sent_at.max(copy.vouched.asked_at));
        copy.record().map(|record| (record.clone(), copy.vouched, known_at))
    }

    /// The stamp of a copy, whether or not it may answer.
    pub(crate) fn stamp(&self, digest: &IdDigest) -> Option<Stamp> {
        self.map.pin().get(digest).and_then(Copy::stamp)
    }

    /// Ends the epoch of a partition, or of all (also if there is no such partition: then nobody knows which it is): what is cached there answers nothing until the store has vouched for
    /// it again.
    pub(crate) fn end_epoch(&self, partition: Option<u16>) {
        if broken!(self, SkipEpoch) {
            return;
        }
        let number = self.epochs.next();
        let one = partition.map(usize::from).and_then(|partition| self.partitions.get(partition..=partition));
        let ended = one.unwrap_or(&self.partitions);
        for partition in ended {
            partition.epoch.begin(number);
            partition.lease.end();
        }
        self.counters.epochs_ended.add(ended.len() as u64);
    }

    pub(crate) fn next_fill(&self) -> FillId {
        FillId(self.fills.fetch_add(1, Ordering::Relaxed))
    }

    /// The keeper's word: this copy has to go, if it still is of its sort.
    fn displace(&self, digest: &IdDigest, is_session: bool) {
        let mut work = self.work(digest);
        if self.map.pin().get(digest).is_some_and(|copy| copy.record().is_some() == is_session) {
            work.take(digest);
            work.gone.clear();
            self.counters.displaced.count();
        }
        work.done();
    }

    fn keeper(&self, known: &Known) -> &Keeper {
        match known {
            Known::Session(_) => &self.sessions,
            Known::Absent(_) => &self.absent,
        }
    }

    /// Copies of one partition are going to be changed.
    pub(crate) fn work(&self, digest: &IdDigest) -> Work<'_> {
        let partition = self.partition(digest);
        Work { local: self, partition, desk: partition.desk(), kept: Vec::new(), gone: Vec::new() }
    }
}

/// Work at the desk of one partition. What the keepers have to know they are told when it is done and nothing is
/// locked any more: they may answer with evictions.
pub(crate) struct Work<'a> {
    pub(crate) local: &'a Local,
    pub(crate) partition: &'a Partition,
    pub(crate) desk: MutexGuard<'a, Desk>,
    kept: Vec<(IdDigest, u32, bool)>,
    gone: Vec<(IdDigest, bool)>,
}

impl<'a> Work<'a> {
    /// Looks at a copy.
    pub(crate) fn look<T>(&self, digest: &IdDigest, look: impl FnOnce(&Copy) -> T) -> Option<T> {
        self.local.map.pin().get(digest).map(look)
    }

    pub(crate) fn stamp(&self, digest: &IdDigest) -> Option<Stamp> {
        self.look(digest, Copy::stamp).flatten()
    }

    /// Puts a copy in its place. A session has one home.
    pub(crate) fn put(&mut self, digest: IdDigest, mut copy: Copy) {
        let (weight, is_session) = (copy.weight(), copy.record().is_some());
        // A patch leaves a copy about as large as it was, and its keeper need not hear of it.
        let known = self.look(&digest, |there| (there.record().is_some(), there.told_weight));
        let known = known.filter(|(was_session, told)| *was_session == is_session && told.abs_diff(weight) <= told / 8);
        copy.told_weight = known.map_or(weight, |(_, told)| told);
        self.unlist(&digest);
        if let Some(stamp) = copy.stamp() {
            self.desk.homes.insert(stamp.incarnation(), digest);
            self.partition.lives_in(copy.vouched.epoch);
        }
        let map = self.local.map.pin();
        let before = map.insert(digest, copy).map(|before| before.record().is_some());
        // The other keeper's, so that it does not count there for ever.
        self.gone.extend(before.filter(|was_session| *was_session != is_session).map(|sort| (digest, sort)));
        let is_first = before.is_none() && self.partition.gained();
        if is_first || self.partition.lease.is_wanting() {
            self.local.needed.notify_one();
        }
        if known.is_none() {
            self.kept.push((digest, weight, is_session));
        }
    }

    /// Drops a copy; true if there was one.
    pub(crate) fn take(&mut self, digest: &IdDigest) -> bool {
        self.unlist(digest);
        let map = self.local.map.pin();
        let Some(copy) = map.remove(digest) else { return false };
        self.partition.lost();
        self.gone.push((*digest, copy.record().is_some()));
        true
    }

    /// Where the copy of this session is.
    pub(crate) fn home(&self, stamp: Stamp) -> Option<IdDigest> {
        self.desk.homes.get(&stamp.incarnation()).copied()
    }

    fn unlist(&mut self, digest: &IdDigest) {
        if let Some(stamp) = self.stamp(digest)
            && self.desk.homes.get(&stamp.incarnation()) == Some(digest)
        {
            self.desk.homes.remove(&stamp.incarnation());
        }
    }

    pub(crate) fn done(self) {
        self.leave_desk().tell();
    }

    fn leave_desk(self) -> News<'a> {
        let Self { local, kept, gone, .. } = self;
        News { local, kept, gone }
    }
}

/// What the keepers have to know.
struct News<'a> {
    local: &'a Local,
    kept: Vec<(IdDigest, u32, bool)>,
    gone: Vec<(IdDigest, bool)>,
}

impl News<'_> {
    fn tell(self) {
        let Self { local, kept, gone } = self;
        let keeper = |is_session| if is_session { &local.sessions } else { &local.absent };
        for (digest, is_session) in gone {
            keeper(is_session).forget(&digest);
            // Another thread may have put one there meanwhile, and told the keeper before it was told to forget. A copy
            // that no keeper knows of would stay for ever; a keeper that knows of one too many lets it go in time.
            let is_there = |copy: &&Copy| copy.record().is_some() == is_session;
            let weight = local.map.pin().get(&digest).filter(is_there).map(Copy::weight);
            if let Some(weight) = weight {
                keeper(is_session).keep(digest, weight);
            }
        }
        for (digest, weight, is_session) in kept {
            keeper(is_session).keep(digest, weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use session_core::SessionId;

    use super::*;

    /// The keeper is told outside the desk, so what two threads tell it may come in the other order. What it does not
    /// know it would never let go.
    #[test]
    fn the_keeper_knows_of_every_copy() {
        let rules = Rules {
            term: Term::of(Duration::from_secs(1)),
            max_age: 60_000,
            sessions: Capacity::entries(10),
            absent: Capacity::entries(10),
            eviction: Eviction::default(),
            #[cfg(feature = "simulation")]
            simulation: Simulation::default(),
        };
        let local = Local::new(rules, 1);
        let digest = *SessionId::generate().unwrap().digest();
        let vouched = Vouched { asked_at: Timestamp::default(), store_now: Timestamp::default(), epoch: 1 };
        let mut work = local.work(&digest);
        work.put(digest, Copy::new(Known::Absent(None), vouched));
        work.done();
        let mut first = local.work(&digest);
        first.take(&digest);
        let first = first.leave_desk();
        let mut second = local.work(&digest);
        second.put(digest, Copy::new(Known::Absent(None), vouched));
        second.done();
        first.tell();
        assert!(local.map.pin().contains_key(&digest));
        assert!(local.absent.knows(&digest));
    }
}
