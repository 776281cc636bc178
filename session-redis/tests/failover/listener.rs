//! A subscriber that checks that no change is missing without a gap.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use session_core::{
    model::{IdDigest, Stamp},
    store::{BarrierId, Barriers, FeedItem, GapCause, SessionStore, Subscription},
};
use session_redis::RedisStore;
use tokio::{sync::watch, task::JoinHandle};

use crate::{ledger::Ledger, until, within};

/// Records everything that a feed delivers.
pub(crate) struct Listener {
    /// A power of two.
    partitions: u16,
    barriers: Arc<dyn Barriers>,
    received: watch::Receiver<Received>,
    task: JoinHandle<()>,
    known: HashMap<IdDigest, Stamp>,
}

/// What a feed has delivered so far.
#[derive(Debug, Default)]
struct Received {
    items: Vec<FeedItem>,
    gaps: HashSet<&'static str>,
    barriers: HashSet<BarrierId>,
}

/// The result of checking a feed.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) changes: usize,
    pub(crate) gaps: BTreeMap<&'static str, usize>,
}

impl Listener {
    /// Subscribes now; the sessions are as their ledgers say.
    pub(crate) async fn start(store: &RedisStore, ledgers: &[Ledger]) -> Self {
        let feed = store.feed().expect("this store has a feed");
        let subscription = feed.subscribe().await.unwrap();
        let barriers = subscription.barriers().clone();
        let (tell, received) = watch::channel(Received::default());
        let known = ledgers.iter().map(|ledger| (*ledger.id().digest(), ledger.known())).collect();
        let task = tokio::spawn(listen(subscription, tell));
        Self { partitions: u16::try_from(feed.partitions()).unwrap(), barriers, received, task, known }
    }

    /// Waits until there has been a gap of this cause, at any time.
    pub(crate) async fn wait_for(&mut self, cause: GapCause) {
        let waited =
            within("the feed has a gap", self.received.wait_for(|received| received.gaps.contains(name(cause)))).await;
        assert!(waited.is_ok(), "the feed has ended");
    }

    /// Waits for a barrier of each session's partition, and everything that precedes them.
    async fn all(&mut self) -> Vec<FeedItem> {
        let of = |digest: &IdDigest| digest.partition() & (self.partitions - 1);
        let partitions: HashSet<u16> = self.known.keys().map(of).collect();
        for partition in partitions {
            let barriers = self.barriers.clone();
            let asked = || async { barriers.barrier(partition).await.ok() };
            let barrier = until("the feed can be asked for barriers", asked).await;
            let comes = self.received.wait_for(|received| received.barriers.contains(&barrier));
            let waited = within("a barrier comes", comes).await;
            assert!(waited.is_ok(), "the feed has ended");
        }
        self.received.borrow().items.clone()
    }

    /// Checks that every change of the sessions was delivered or precedes a gap. `ledgers` are as the store has them
    /// now.
    pub(crate) async fn check(mut self, now: &[(IdDigest, Stamp)]) -> Summary {
        let items = self.all().await;
        self.task.abort();
        let mut check = Check::new(self.partitions, &self.known);
        items.iter().for_each(|item| check.take(item));
        now.iter().for_each(|(digest, stamp)| check.finish(digest, *stamp));
        check.summary
    }
}

async fn listen(mut subscription: Subscription, tell: watch::Sender<Received>) {
    while let Some(item) = subscription.next().await {
        tell.send_modify(|received| {
            match &item {
                FeedItem::Gap(_, cause) => drop(received.gaps.insert(name(*cause))),
                FeedItem::Barrier(_, barrier) => drop(received.barriers.insert(*barrier)),
                _ => {}
            }
            received.items.push(item);
        });
    }
}

/// One pass over the items.
struct Check {
    /// The gaps so far, by partition, and the last sequence there.
    lanes: Vec<(usize, Option<u64>)>,
    /// The last stamp of each session, and the number of gaps that its partition had had then.
    sessions: HashMap<IdDigest, (Stamp, usize)>,
    summary: Summary,
}

impl Check {
    fn new(partitions: u16, known: &HashMap<IdDigest, Stamp>) -> Self {
        let sessions = known.iter().map(|(digest, stamp)| (*digest, (*stamp, 0))).collect();
        Self { lanes: vec![(0, None); usize::from(partitions)], sessions, summary: Summary::default() }
    }

    fn take(&mut self, item: &FeedItem) {
        match item {
            FeedItem::Gap(partition, cause) => {
                *self.summary.gaps.entry(name(*cause)).or_default() += 1;
                let all = 0..self.lanes.len();
                let lanes = partition.map_or(all, |one| usize::from(one)..usize::from(one) + 1);
                self.lanes[lanes].iter_mut().for_each(|(gaps, last)| (*gaps, *last) = (*gaps + 1, None));
            }
            FeedItem::Change(change) => {
                self.summary.changes += 1;
                let (gaps, last) = &mut self.lanes[usize::from(change.partition)];
                let follows = last.is_none_or(|last| last + 1 == change.sequence);
                assert!(follows, "the sequence jumps from {last:?} to {} without a gap", change.sequence);
                *last = Some(change.sequence);
                let gaps = *gaps;
                if let Some((stamp, then)) = self.sessions.get_mut(&change.digest) {
                    let follows = change.before == Some(*stamp) || *then < gaps;
                    assert!(follows, "a change of a session is missing, and no gap says so");
                    (*stamp, *then) = (change.after.unwrap_or(*stamp), gaps);
                }
            }
            _ => {}
        }
    }

    fn finish(&self, digest: &IdDigest, now: Stamp) {
        let (stamp, then) = self.sessions[digest];
        let (gaps, _) = self.lanes[usize::from(digest.partition()) & (self.lanes.len() - 1)];
        assert!(stamp == now || then < gaps, "the last change of a session is missing, and no gap says so");
    }
}

fn name(cause: GapCause) -> &'static str {
    match cause {
        GapCause::Overflow => "overflow",
        GapCause::Reconnected => "reconnected",
        GapCause::Missed => "missed",
        GapCause::Unreadable => "unreadable",
        GapCause::Disconnected => "disconnected",
        GapCause::SlotMoved => "slot moved",
        GapCause::Demoted => "demoted",
        GapCause::FailedOver => "failed over",
        _ => "other",
    }
}
