//! The listener: applies the items of the feed, and renews the leases.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use session_core::{
    Clock as _,
    model::Timestamp,
    store::{BarrierId, FeedItem, GapCause, SessionStore, Subscription},
};

use crate::{local_cache::LocalCache, partition::Partition, tiers::Tiers, unconfirmed::Unconfirmed};

/// The first and the longest pause between attempts to subscribe.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Items handled in a row before other tasks get a turn.
const ITEMS_PER_TURN: u32 = 64;
/// The most heartbeats of one partition that may be without a barrier id at a time.
const MAX_REQUESTED: usize = 8;
/// The most barriers that are kept until their heartbeat's request returns.
const MAX_UNCLAIMED: usize = 4_096;

/// Listens for as long as the store has a feed.
pub(crate) async fn listen<R: SessionStore + 'static>(tiers: Arc<Tiers<R>>) {
    let mut pause = FIRST_PAUSE;
    while let Some(feed) = tiers.remote.feed() {
        if let Ok(subscription) = feed.subscribe().await {
            pause = FIRST_PAUSE;
            // No changes were received for the copies installed so far.
            tiers.local.end_epoch(None);
            Listener::new(&tiers, subscription).run().await;
            tiers.local.end_epoch(None);
        }
        tiers.clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A heartbeat: a request for a barrier.
#[derive(Clone, Copy)]
struct Heartbeat {
    partition: u16,
    sent_at: Timestamp,
    /// The latest epoch when it was sent. It grants no lease to an epoch that began later.
    latest_epoch: u64,
    /// How many changes had been applied when it was sent.
    applied: u64,
}

type BarrierRequest = BoxFuture<'static, (Heartbeat, Option<BarrierId>)>;

struct Listener<'a, R> {
    tiers: &'a Tiers<R>,
    local: &'a LocalCache,
    subscription: Subscription,
    requests: FuturesUnordered<BarrierRequest>,
    /// The number of `requests` for each partition.
    requested: HashMap<u16, usize>,
    /// Barriers that have not come out of the stream yet.
    awaited: HashMap<BarrierId, Heartbeat>,
    /// Barriers that came out of the stream before their request returned.
    unclaimed: Vec<BarrierId>,
    /// The last heartbeat of each partition.
    last: HashMap<u16, Heartbeat>,
    /// Changes that no barrier of their partition has confirmed yet.
    unconfirmed: Unconfirmed,
}

/// Why heartbeats are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trigger {
    Interval,
    /// A partition without a lease has a copy.
    MissingLease,
}

impl<'a, R: SessionStore + 'static> Listener<'a, R> {
    fn new(tiers: &'a Tiers<R>, subscription: Subscription) -> Self {
        Self {
            tiers,
            local: &tiers.local,
            subscription,
            requests: FuturesUnordered::new(),
            requested: HashMap::new(),
            awaited: HashMap::new(),
            unclaimed: Vec::new(),
            last: HashMap::new(),
            unconfirmed: Unconfirmed::default(),
        }
    }

    /// Returns when the subscription has ended.
    async fn run(mut self) {
        let mut next_beat = self.tiers.clock.sleep(Duration::ZERO);
        let mut in_a_row = 0;
        loop {
            tokio::select! {
                biased;
                () = &mut next_beat => {
                    self.beat(Trigger::Interval);
                    next_beat = self.tiers.clock.sleep(self.tiers.heartbeat);
                }
                () = self.local.lease_needed.notified() => self.beat(Trigger::MissingLease),
                Some((heartbeat, barrier)) = self.requests.next(), if !self.requests.is_empty() => {
                    self.request_returned(heartbeat, barrier);
                }
                item = self.subscription.next() => {
                    let Some(item) = item else { return };
                    self.handle(item);
                    in_a_row += 1;
                }
            }
            if in_a_row >= ITEMS_PER_TURN {
                in_a_row = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends the heartbeats that are due.
    fn beat(&mut self, trigger: Trigger) {
        #[cfg(feature = "metrics")]
        if trigger == Trigger::Interval {
            crate::export::publish(&self.local.counters.snapshot());
        }
        if self.local.rules.term.is_zero() {
            return;
        }
        let targets = self.targets(trigger);
        // Read before any request is sent.
        let (sent_at, latest_epoch) = (self.tiers.clock.now(), self.local.epochs.latest());
        let applied = self.unconfirmed.applied();
        for partition in targets {
            let (barriers, heartbeat) =
                (self.subscription.barriers().clone(), Heartbeat { partition, sent_at, latest_epoch, applied });
            self.requests.push(async move { (heartbeat, barriers.barrier(partition).await.ok()) }.boxed());
            self.last.insert(partition, heartbeat);
            *self.requested.entry(partition).or_default() += 1;
            self.local.counters.heartbeats.count();
        }
    }

    /// The partitions to send heartbeats to: those with copies. Where one connection carries all partitions, one for all of
    /// them, and those with a change that no barrier has confirmed yet.
    fn targets(&self, trigger: Trigger) -> Vec<u16> {
        let now = self.tiers.clock.now();
        let cached = (0..=u16::MAX).zip(self.local.partitions()).filter(|(_, partition)| partition.copies() > 0);
        let cached: Vec<(u16, &Partition)> = cached.collect();
        match cached.first() {
            // It goes to a partition in which a session was found in this epoch. Such a partition has a sequence that the
            // feed knows, which shows if the store has lost everything.
            Some(first) if self.subscription.barriers().spans_partitions() => {
                let (one, _) = cached.iter().find(|(_, partition)| partition.has_session()).unwrap_or(first);
                let is_any_due = cached.iter().any(|(_, partition)| self.is_due(*one, partition, trigger, now));
                let changed = cached.iter().filter(|(number, partition)| {
                    number != one && self.unconfirmed.contains(*number) && self.is_due(*number, partition, trigger, now)
                });
                is_any_due.then_some(*one).into_iter().chain(changed.map(|(number, _)| *number)).collect()
            }
            _ => {
                let due = cached.iter().filter(|(number, partition)| self.is_due(*number, partition, trigger, now));
                due.map(|(number, _)| *number).collect()
            }
        }
    }

    /// Whether a heartbeat to the partition with this number is due for the sake of `partition`.
    fn is_due(&self, number: u16, partition: &Partition, trigger: Trigger, now: Timestamp) -> bool {
        let requested = self.requested.get(&number).copied().unwrap_or(0);
        match trigger {
            Trigger::Interval => requested < MAX_REQUESTED,
            Trigger::MissingLease => {
                // A heartbeat that brought no lease is not repeated with every miss.
                let pause = self.tiers.heartbeat.min(self.local.rules.term.duration());
                let is_outdated =
                    |last: &Heartbeat| last.latest_epoch < partition.epoch.number() || now.since(last.sent_at) >= pause;
                requested == 0 && partition.lease.left(now).is_none() && self.last.get(&number).is_none_or(is_outdated)
            }
        }
    }

    /// The request of a heartbeat has returned, with the id of its barrier if it succeeded.
    fn request_returned(&mut self, heartbeat: Heartbeat, barrier: Option<BarrierId>) {
        if let Some(requested) = self.requested.get_mut(&heartbeat.partition) {
            *requested = requested.saturating_sub(1);
        }
        let Some(barrier) = barrier else { return };
        match self.unclaimed.iter().position(|unclaimed| *unclaimed == barrier) {
            Some(at) => {
                self.unclaimed.swap_remove(at);
                self.grant(heartbeat);
            }
            None => {
                self.awaited.insert(barrier, heartbeat);
            }
        }
    }

    fn handle(&mut self, item: FeedItem) {
        match item {
            FeedItem::Change(change) => {
                if self.local.apply_change(&change) {
                    self.unconfirmed.add(change.partition);
                }
            }
            FeedItem::Barrier(_, barrier) => match self.awaited.remove(&barrier) {
                Some(heartbeat) => self.grant(heartbeat),
                None => {
                    // The barrier of a request that failed after all is never claimed.
                    if self.unclaimed.len() >= MAX_UNCLAIMED {
                        self.unclaimed.remove(0);
                    }
                    self.unclaimed.push(barrier);
                }
            },
            FeedItem::Gap(partition, cause) => self.handle_gap(partition, cause),
            // An unknown item may mean that a change was missed.
            _ => self.local.end_epoch(None),
        }
    }

    fn handle_gap(&mut self, partition: Option<u16>, cause: GapCause) {
        self.local.counters.gaps.count();
        // With one store behind all partitions, a sequence that was lost in one of them was lost in all, and no other item
        // may report it.
        let spans = self.subscription.barriers().spans_partitions();
        let partition = partition.filter(|_| !(spans && cause == GapCause::Missed));
        self.local.end_epoch(partition);
        self.unconfirmed.clear(partition);
        // Their barriers would grant no lease in the new epoch.
        self.awaited.retain(|_, heartbeat| partition.is_some_and(|partition| partition != heartbeat.partition));
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "session_tiered", ?partition, ?cause, "the feed has a gap");
    }

    /// The barrier of a heartbeat came out of the stream, behind everything published before it. The lease runs from when
    /// the heartbeat was sent.
    ///
    /// A barrier shows that no message is missing, and that its partition had none that the store has not published: its
    /// sequence would be ahead of the store's. So where a partition has had changes since, the barrier of another one does not
    /// extend its lease, and a forged change is gone with the lease at the latest.
    fn grant(&mut self, heartbeat: Heartbeat) {
        self.unconfirmed.confirm(heartbeat.partition, heartbeat.applied);
        let partitions = self.local.partitions();
        let covered = if self.subscription.barriers().spans_partitions() {
            partitions
        } else {
            let at = usize::from(heartbeat.partition);
            partitions.get(at..=at).unwrap_or(&[])
        };
        for (number, partition) in (0..).zip(covered) {
            let is_covered = covered.len() == 1 || !self.unconfirmed.has_before(number, heartbeat.applied);
            if is_covered && partition.epoch.number() <= heartbeat.latest_epoch {
                partition.lease.grant(heartbeat.sent_at, self.local.rules.term);
            }
        }
    }
}
