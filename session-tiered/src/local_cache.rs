//! The local cache: the copies, and the decision whether one may answer.
//!
//! No I/O and no waiting. Reads take no lock; a change takes the [lock](crate::partition_guard) of its partition.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use session_core::{
    LoadOptions,
    model::{IdDigest, Record, Timestamp},
    store::LoadOutcome,
};
use tokio::sync::Notify;

use crate::{
    capacity::Capacity,
    copy::{Copy, Provenance},
    epoch::Epochs,
    eviction::Evictor,
    fill::FillId,
    hash::ByDigest,
    lease::LeaseTerm,
    partition::Partition,
    policy::Eviction,
    stats::Counters,
};

/// The settings of a cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) term: LeaseTerm,
    /// In milliseconds.
    pub(crate) max_age: u64,
    pub(crate) sessions: Capacity,
    /// The size of the largest copy, in bytes.
    pub(crate) max_copy: u64,
    pub(crate) absent: Capacity,
    pub(crate) eviction: Eviction,
}

#[derive(Debug)]
pub(crate) struct LocalCache {
    pub(crate) rules: Rules,
    pub(crate) counters: Counters,
    pub(crate) epochs: Epochs,
    pub(crate) copies: papaya::HashMap<IdDigest, Copy, ByDigest>,
    partitions: Box<[Partition]>,
    sessions: Evictor,
    absent: Evictor,
    fills: AtomicU64,
    /// Notified when a partition without a lease has a copy.
    pub(crate) lease_needed: Notify,
}

/// Why a copy may not answer.
enum Refusal {
    /// Its partition has no lease in the copy's epoch.
    NoLease,
    /// Its `max_age` or its session's deadline has passed.
    TooOld,
}

/// A copy that may or may not answer.
pub(crate) struct LastKnown {
    pub(crate) record: Arc<Record>,
    pub(crate) provenance: Provenance,
    /// When the copy was last known to be the current state.
    pub(crate) current_at: Timestamp,
}

impl LocalCache {
    pub(crate) fn new(rules: Rules, partitions: u32) -> Arc<Self> {
        Arc::new_cyclic(|cache: &Weak<Self>| {
            let evictor = |capacity, is_session: bool| {
                let cache = cache.clone();
                let evict = move |digest: &IdDigest| {
                    if let Some(cache) = cache.upgrade() {
                        cache.displace(digest, is_session);
                    }
                };
                Evictor::new(capacity, rules.eviction, Box::new(evict))
            };
            Self {
                rules,
                counters: Counters::default(),
                epochs: Epochs::new(),
                copies: papaya::HashMap::with_hasher(ByDigest::default()),
                partitions: (0..partitions.max(1)).map(|_| Partition::new()).collect(),
                sessions: evictor(rules.sessions, true),
                absent: evictor(rules.absent, false),
                fills: AtomicU64::new(0),
                lease_needed: Notify::new(),
            }
        })
    }

    pub(crate) fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The partition of a session. The number of partitions is a power of two.
    pub(crate) fn partition(&self, digest: &IdDigest) -> &Partition {
        &self.partitions[usize::from(digest.partition()) & (self.partitions.len() - 1)]
    }

    /// Sessions and absent ids have separate capacities.
    pub(crate) fn evictor(&self, is_session: bool) -> &Evictor {
        if is_session { &self.sessions } else { &self.absent }
    }

    /// Answers a load from its copy, if the copy may answer.
    pub(crate) fn lookup(&self, digest: &IdDigest, options: &LoadOptions, now: Timestamp) -> Option<LoadOutcome> {
        let copies = self.copies.pin();
        let copy = copies.get(digest)?;
        if options.floor.is_some_and(|floor| !copy.stamp().is_some_and(|stamp| floor.admits(stamp))) {
            return None;
        }
        match self.may_answer(digest, copy, now) {
            Ok(lease_left) => {
                self.counters.hit(self.rules.term.step(lease_left));
                self.evictor(copy.is_session()).record_use(digest);
                Some(copy.answer(options.known, now))
            }
            Err(Refusal::NoLease) => {
                self.counters.lease_losses.count();
                None
            }
            Err(Refusal::TooOld) => None,
        }
    }

    /// The record that a load without a floor would be answered with now.
    pub(crate) fn served(&self, digest: &IdDigest, now: Timestamp) -> Option<Arc<Record>> {
        let copies = self.copies.pin();
        let copy = copies.get(digest)?;
        if self.may_answer(digest, copy, now).is_ok() { copy.record().cloned() } else { None }
    }

    /// Whether a copy may answer, and if so, the milliseconds that remain of its lease. All local answers depend on this
    /// check alone.
    #[inline]
    fn may_answer(&self, digest: &IdDigest, copy: &Copy, now: Timestamp) -> Result<u64, Refusal> {
        let lease = self.partition(digest).lease_left(copy.provenance.epoch, now);
        let left = lease.ok_or(Refusal::NoLease)?;
        // Messages announce what happens to sessions, and not that an id without one answers otherwise from then on: a
        // sign-in can supersede it. So an absence is believed for one lease, which no heartbeat extends.
        let max_age =
            if copy.is_session() { self.rules.max_age } else { self.rules.max_age.min(self.rules.term.millis()) };
        if copy.provenance.age_millis(now) >= max_age || copy.is_expired(now) {
            return Err(Refusal::TooOld);
        }
        Ok(left)
    }

    /// The copy of a session, whether or not it may answer.
    pub(crate) fn last_known(&self, digest: &IdDigest) -> Option<LastKnown> {
        let copies = self.copies.pin();
        let copy = copies.get(digest)?;
        let partition = self.partition(digest);
        // The lease before the epoch, as in `Partition::lease_left`.
        let sent_at = partition.lease.sent_at(self.rules.term);
        let leased = sent_at.filter(|_| partition.epoch.number() == copy.provenance.epoch);
        let asked_at = copy.provenance.asked_at;
        let current_at = leased.map_or(asked_at, |sent_at| sent_at.max(asked_at));
        copy.record().map(|record| LastKnown { record: record.clone(), provenance: copy.provenance, current_at })
    }

    /// Ends the epoch of a partition, or of all of them for `None`: its copies answer nothing until the store has vouched
    /// for them again. A number that no partition has ends all epochs too, because the partition meant is not known.
    pub(crate) fn end_epoch(&self, partition: Option<u16>) {
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

    /// The store was found to have lost writes that it had acknowledged.
    pub(crate) fn history_lost(&self) {
        self.counters.history_lost.count();
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "session_tiered", "history_lost: the store has lost writes that it had acknowledged");
    }
}
