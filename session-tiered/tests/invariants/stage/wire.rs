//! The network between a node and its store.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use parking_lot::Mutex;
use session_core::{
    Error, ErrorKind,
    model::IdDigest,
    store::{BarrierId, Barriers, FeedItem, GapCause, async_trait},
};
use tokio::sync::{Notify, Semaphore, watch};

/// The network between a node and its store.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Loads and touches are executed, and their answers are held back.
    pub(crate) held: AtomicBool,
    pub(crate) replies: Semaphore,
    /// Loads are held back before they are executed.
    pub(crate) stopped: AtomicBool,
    pub(crate) departures: Semaphore,
    /// How many calls have been held back so far.
    pub(crate) waiting: watch::Sender<usize>,
    /// Calls fail before they are executed.
    pub(crate) down: AtomicBool,
    /// Calls are refused with this error before they are executed.
    pub(crate) refusal: Mutex<Option<Error>>,
    /// Calls are executed, and their answers are lost.
    pub(crate) loses_answers: AtomicBool,
    /// Changes are lost silently.
    pub(crate) lossy: AtomicBool,
    /// Heartbeats fail, other calls do not.
    pub(crate) refuses_heartbeats: AtomicBool,
    /// Lists of principals cannot be read.
    pub(crate) lists_fail: AtomicBool,
    /// The next revocation of all sessions ends this one without saying so.
    pub(crate) unconfirmed: Mutex<Option<IdDigest>>,
    pub(crate) loads: AtomicUsize,
    pub(crate) touches: AtomicUsize,
    /// No item comes out of the feed.
    pub(crate) feed_held: watch::Sender<bool>,
    pub(crate) injected: Mutex<VecDeque<FeedItem>>,
    pub(crate) item_injected: Notify,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            held: AtomicBool::new(false),
            replies: Semaphore::new(0),
            stopped: AtomicBool::new(false),
            departures: Semaphore::new(0),
            waiting: watch::Sender::new(0),
            down: AtomicBool::new(false),
            refusal: Mutex::default(),
            loses_answers: AtomicBool::new(false),
            lossy: AtomicBool::new(false),
            refuses_heartbeats: AtomicBool::new(false),
            lists_fail: AtomicBool::new(false),
            unconfirmed: Mutex::default(),
            loads: AtomicUsize::new(0),
            touches: AtomicUsize::new(0),
            feed_held: watch::Sender::new(false),
            injected: Mutex::default(),
            item_injected: Notify::new(),
        }
    }
}

impl Wire {
    pub(crate) fn hold(&self) {
        self.held.store(true, SeqCst);
    }

    /// Waits until `count` calls have been held back.
    pub(crate) async fn wait_for_held(&self, count: usize) {
        self.waiting.subscribe().wait_for(|waiting| *waiting >= count).await.unwrap();
    }

    pub(crate) fn release(&self) {
        self.held.store(false, SeqCst);
        self.replies.add_permits(1_000);
    }

    /// Injects a gap into the feed.
    pub(crate) fn gap(&self, partition: Option<u16>, cause: GapCause) {
        self.inject(FeedItem::Gap(partition, cause));
    }

    /// Injects an item into the feed.
    pub(crate) fn inject(&self, item: FeedItem) {
        self.injected.lock().push_back(item);
        self.item_injected.notify_one();
    }

    /// Holds back loads that begin from now on, before they are executed.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, SeqCst);
    }

    /// Lets the loads that were held back go on, and holds back no others.
    pub(crate) fn go_on(&self) {
        self.stopped.store(false, SeqCst);
        self.departures.add_permits(1_000);
    }

    pub(crate) async fn hold_departure(&self) {
        if self.stopped.load(SeqCst) {
            self.waiting.send_modify(|waiting| *waiting += 1);
            self.departures.acquire().await.unwrap().forget();
        }
    }

    pub(crate) async fn hold_reply(&self) {
        if self.held.load(SeqCst) {
            self.waiting.send_modify(|waiting| *waiting += 1);
            self.replies.acquire().await.unwrap().forget();
        }
    }

    pub(crate) fn answer(&self) -> Result<(), Error> {
        if self.down.load(SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the wire is down"));
        }
        self.refusal.lock().clone().map_or(Ok(()), Err)
    }

    pub(crate) fn receive(&self) -> Result<(), Error> {
        if self.loses_answers.load(SeqCst) {
            return Err(Error::new(ErrorKind::OutcomeUnknown, "the answer was lost"));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct WireBarriers {
    pub(crate) wire: Arc<Wire>,
    pub(crate) barriers: Arc<dyn Barriers>,
}

#[async_trait]
impl Barriers for WireBarriers {
    async fn barrier(&self, partition: u16) -> Result<BarrierId, Error> {
        self.wire.answer()?;
        if self.wire.refuses_heartbeats.load(SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "no heartbeat"));
        }
        self.barriers.barrier(partition).await
    }
}
