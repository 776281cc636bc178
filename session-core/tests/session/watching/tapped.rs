//! A store whose feed a test can add items to, end, or keep from being subscribed to, and whose loads it can interrupt.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_core::Stream;
use session_core::{
    Error, LoadOptions, SessionId,
    store::{self, ChangeFeed, FeedItem, GapCause, LoadOutcome, Origin, SessionStore, Subscription, async_trait},
};
use session_memory::MemoryStore;
use session_test::TestStore;
use tokio::sync::{Notify, Semaphore, mpsc};

type Interference = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The moment at which a load is interrupted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Moment {
    /// Before the store reads the session.
    Before,
    /// After the store has read it, and before the caller has the answer.
    After,
}

pub(super) struct Tapped {
    pub(super) test_store: TestStore<MemoryStore>,
    taps: Mutex<Vec<mpsc::UnboundedSender<FeedItem>>>,
    subscribes: AtomicUsize,
    /// A permit for each subscription that may begin.
    gate: Semaphore,
    /// While this is set, subscriptions wait, and are not woken when it is cleared.
    pub(super) is_held: AtomicBool,
    interference: Mutex<Option<(Moment, Interference)>>,
    /// Notified when a subscription is dropped.
    pub(super) unsubscribed: Arc<Notify>,
}

impl std::fmt::Debug for Tapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tapped").finish_non_exhaustive()
    }
}

/// What a tap sends to make the stream panic.
pub(super) const PANIC: FeedItem = FeedItem::Gap(Some(u16::MAX), GapCause::Overflow);

impl Tapped {
    pub(super) fn new(store: MemoryStore) -> Self {
        Self {
            test_store: TestStore::new(store),
            taps: Mutex::default(),
            subscribes: AtomicUsize::new(0),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
            is_held: AtomicBool::new(false),
            interference: Mutex::default(),
            unsubscribed: Arc::default(),
        }
    }

    /// Adds an item to every subscription.
    pub(super) fn send(&self, item: &FeedItem) {
        self.taps.lock().unwrap().iter().for_each(|tap| drop(tap.send(item.clone())));
    }

    /// Ends every subscription.
    pub(super) fn end_feed(&self) {
        self.taps.lock().unwrap().clear();
    }

    pub(super) fn subscribes(&self) -> usize {
        self.subscribes.load(Ordering::SeqCst)
    }

    /// Keeps subscriptions waiting until [`open_gate`](Self::open_gate).
    pub(super) fn close_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(super) fn open_gate(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }

    /// Runs this during the next load.
    pub(super) fn interfere<F: Future<Output = ()> + Send + 'static>(
        &self,
        moment: Moment,
        run: impl Fn() -> F + Send + Sync + 'static,
    ) {
        *self.interference.lock().unwrap() = Some((moment, Box::new(move || Box::pin(run()))));
    }

    async fn run_interference(&self, now: Moment) {
        let due = self.interference.lock().unwrap().take_if(|(moment, _)| *moment == now);
        if let Some((_, run)) = due {
            run().await;
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SessionStore for Tapped {
    store::forward!(self => self.test_store; backend, limits, create, apply, touch, rotate, destroy, check, close, clock, index, lock);

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.run_interference(Moment::Before).await;
        let outcome = self.test_store.load(id, options).await;
        self.run_interference(Moment::After).await;
        outcome
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        Some(self)
    }
}

struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[async_trait]
impl ChangeFeed for Tapped {
    fn origin(&self) -> Origin {
        self.test_store.feed().unwrap().origin()
    }

    fn partitions(&self) -> u32 {
        self.test_store.feed().unwrap().partitions()
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        self.subscribes.fetch_add(1, Ordering::SeqCst);
        drop(self.gate.acquire().await.unwrap());
        let held = || if self.is_held.load(Ordering::SeqCst) { Poll::Pending } else { Poll::Ready(()) };
        std::future::poll_fn(|_| held()).await;
        let mut inner = self.test_store.feed().unwrap().subscribe().await?;
        let (tap, mut tapped) = mpsc::unbounded_channel();
        self.taps.lock().unwrap().push(tap);
        let (barriers, dropped) = (inner.barriers().clone(), NotifyOnDrop(self.unsubscribed.clone()));
        let next = move |cx: &mut Context<'_>| {
            let _ = &dropped;
            let item = match Pin::new(&mut inner).poll_next(cx) {
                Poll::Pending => tapped.poll_recv(cx),
                item => item,
            };
            assert_ne!(item, Poll::Ready(Some(PANIC)), "a fault of the stream");
            item
        };
        Ok(Subscription::new(Items(Box::new(next)), barriers))
    }
}

type Next = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<FeedItem>> + Send>;

/// A stream from a function.
struct Items(Next);

impl Stream for Items {
    type Item = FeedItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        (self.0)(cx)
    }
}
