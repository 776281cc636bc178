//! The listener: takes what the feed tells, and keeps the leases running.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use session_core::{
    Clock as _,
    model::Timestamp,
    store::{BarrierId, FeedItem, GapCause, SessionStore, Subscription},
};

use crate::{
    inner::Inner,
    local::{Local, broken},
    partition::Partition,
};

/// The pauses between attempts to subscribe.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// So many items in a row before other tasks have their turn.
const IN_A_ROW: u32 = 64;
/// So many heartbeats of a partition may be unanswered.
const AT_ONCE: usize = 8;
/// So many barriers that nobody knows yet are remembered.
const EARLY: usize = 4_096;

/// Listens for as long as the store has a feed.
pub(crate) async fn listen<R: SessionStore + 'static>(inner: Arc<Inner<R>>) {
    let mut pause = FIRST_PAUSE;
    while let Some(feed) = inner.remote.feed() {
        if let Ok(subscription) = feed.subscribe().await {
            pause = FIRST_PAUSE;
            // Whatever was installed so far was installed unheard.
            inner.local.end_epoch(None);
            Listener::new(&inner, subscription).run().await;
            inner.local.end_epoch(None);
        }
        inner.clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A heartbeat: a barrier, and when and in which epochs it was asked for.
#[derive(Clone, Copy)]
struct Beat {
    partition: u16,
    sent_at: Timestamp,
    /// Epochs that began later are not covered.
    latest_epoch: u64,
}

type Asked = BoxFuture<'static, (Beat, Option<BarrierId>)>;

struct Listener<'a, R> {
    inner: &'a Inner<R>,
    local: &'a Local,
    subscription: Subscription,
    asked: FuturesUnordered<Asked>,
    /// Barriers whose answers have not come out of the stream.
    expected: HashMap<BarrierId, Beat>,
    /// Barriers that came out of the stream before their names were known.
    early: Vec<BarrierId>,
    /// How many heartbeats of each partition have no name yet.
    unnamed: HashMap<u16, usize>,
    /// The last heartbeat of each partition.
    last: HashMap<u16, Beat>,
}

/// Why it is time for heartbeats.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Interval,
    /// There is a copy in a partition without a lease.
    Need,
}

impl<'a, R: SessionStore + 'static> Listener<'a, R> {
    fn new(inner: &'a Inner<R>, subscription: Subscription) -> Self {
        Self {
            inner,
            local: &inner.local,
            subscription,
            asked: FuturesUnordered::new(),
            expected: HashMap::new(),
            early: Vec::new(),
            unnamed: HashMap::new(),
            last: HashMap::new(),
        }
    }

    /// Returns when the subscription has ended.
    async fn run(mut self) {
        let mut next_beat = self.inner.clock.sleep(Duration::ZERO);
        let mut in_a_row = 0;
        loop {
            tokio::select! {
                biased;
                () = &mut next_beat => {
                    self.beat(Occasion::Interval);
                    next_beat = self.inner.clock.sleep(self.inner.heartbeat);
                }
                () = self.local.needed.notified() => self.beat(Occasion::Need),
                Some((beat, barrier)) = self.asked.next(), if !self.asked.is_empty() => self.named(beat, barrier),
                item = self.subscription.next() => {
                    let Some(item) = item else { return };
                    self.take(item);
                    in_a_row += 1;
                }
            }
            if in_a_row >= IN_A_ROW {
                in_a_row = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Asks for a barrier wherever there are copies; once for all, where one connection carries all partitions.
    fn beat(&mut self, occasion: Occasion) {
        #[cfg(feature = "metrics")]
        if occasion == Occasion::Interval {
            crate::export::publish(&self.local.counters.snapshot());
        }
        if self.local.rules.term.is_nothing() {
            return;
        }
        let barriers = self.subscription.barriers();
        let cached = (0..=u16::MAX).zip(self.local.partitions()).filter(|(_, partition)| partition.copies() > 0);
        let cached: Vec<(u16, &Partition)> = cached.collect();
        let now = self.inner.clock.now();
        let targets: Vec<u16> = match cached.first() {
            // One question for all of them, about one in which a session was found in this epoch: so it has a sequence,
            // which the feed knows and which shows if the store has lost everything.
            Some(first) if barriers.spans_partitions() => {
                let (one, _) = cached.iter().find(|(_, partition)| partition.is_inhabited()).unwrap_or(first);
                let is_any_due = cached.iter().any(|(_, partition)| self.is_due(*one, partition, occasion, now));
                is_any_due.then_some(*one).into_iter().collect()
            }
            _ => cached
                .iter()
                .filter(|(number, partition)| self.is_due(*number, partition, occasion, now))
                .map(|(number, _)| *number)
                .collect(),
        };
        // Before any of them leaves.
        let (sent_at, latest_epoch) = (self.inner.clock.now(), self.local.epochs.latest());
        for partition in targets {
            let (barriers, beat) = (barriers.clone(), Beat { partition, sent_at, latest_epoch });
            self.asked.push(async move { (beat, barriers.barrier(partition).await.ok()) }.boxed());
            self.last.insert(partition, beat);
            *self.unnamed.entry(partition).or_default() += 1;
            self.local.counters.heartbeats.count();
        }
    }

    /// Whether a heartbeat of this number is to be sent for the sake of this partition.
    fn is_due(&self, number: u16, partition: &Partition, occasion: Occasion, now: Timestamp) -> bool {
        let unnamed = self.unnamed.get(&number).copied().unwrap_or(0);
        match occasion {
            Occasion::Interval => unnamed < AT_ONCE,
            Occasion::Need => {
                // One that was asked for and brought nothing is not asked for again with every miss.
                let pause = self.inner.heartbeat.min(self.local.rules.term.duration());
                let is_new =
                    |last: &Beat| last.latest_epoch < partition.epoch.number() || now.since(last.sent_at) >= pause;
                unnamed == 0 && partition.lease.left(now).is_none() && self.last.get(&number).is_none_or(is_new)
            }
        }
    }

    /// The name of a barrier is known, or there is none.
    fn named(&mut self, beat: Beat, barrier: Option<BarrierId>) {
        if let Some(unnamed) = self.unnamed.get_mut(&beat.partition) {
            *unnamed = unnamed.saturating_sub(1);
        }
        let Some(barrier) = barrier else { return };
        match self.early.iter().position(|early| *early == barrier) {
            Some(at) => {
                self.early.swap_remove(at);
                self.grant(beat);
            }
            None => {
                self.expected.insert(barrier, beat);
            }
        }
    }

    fn take(&mut self, item: FeedItem) {
        match item {
            FeedItem::Change(change) => self.local.hear(&change),
            FeedItem::Barrier(_, barrier) => match self.expected.remove(&barrier) {
                Some(beat) => self.grant(beat),
                None => {
                    // One whose question failed after all is never asked for.
                    if self.early.len() >= EARLY {
                        self.early.remove(0);
                    }
                    self.early.push(barrier);
                }
            },
            FeedItem::Gap(partition, cause) => {
                self.local.counters.gaps.count();
                // One store behind all partitions: where one of them has lost its place, the others have too, and nothing
                // else may tell.
                let spans = self.subscription.barriers().spans_partitions();
                let partition = partition.filter(|_| !(spans && cause == GapCause::Missed));
                self.local.end_epoch(partition);
                // Their answers would come too late for anything.
                self.expected.retain(|_, beat| partition.is_some_and(|partition| partition != beat.partition));
                #[cfg(feature = "tracing")]
                tracing::warn!(target: "session_tiered", ?partition, ?cause, "the feed has a gap");
            }
            // Whatever it is, something may have been missed.
            _ => self.local.end_epoch(None),
        }
    }

    /// All that was published before the answer has been heard.
    fn grant(&self, beat: Beat) {
        let from = if broken!(self.local, LeaseFromReceipt) { self.inner.clock.now() } else { beat.sent_at };
        let partitions = self.local.partitions();
        let covered = if self.subscription.barriers().spans_partitions() {
            partitions
        } else {
            let at = usize::from(beat.partition);
            partitions.get(at..=at).unwrap_or(&[])
        };
        for partition in covered.iter().filter(|partition| partition.epoch.number() <= beat.latest_epoch) {
            partition.lease.grant(from, self.local.rules.term);
        }
    }
}
