//! A memory store behind a network that a test controls: delayed answers, failing calls, a delayed feed, gaps.

mod index;
mod wire;

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    task::{Context, Poll},
    time::Duration,
};

use session_core::{
    Error, Expiry, Limits, LoadOptions, ManualClock, ReadLevel, SessionId,
    model::{Delta, EndReason, Field, Format, OpId, Stamp, Value},
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, FeedItem, LoadOutcome, NewSession, Origin,
        RotateOutcome, Rotation, RotationKind, SessionIndex, SessionLock, SessionStore, Subscription, TouchOptions,
        TouchOutcome, Update, async_trait,
    },
};
use session_memory::MemoryStore;
use session_tiered::{TieredStore, TieredStoreBuilder};
use tokio::task::JoinHandle;

pub(crate) use self::wire::Wire;
use self::wire::WireBarriers;

pub(crate) const BOUND: Duration = Duration::from_secs(1);

/// The store as one node sees it.
#[derive(Debug)]
pub(crate) struct Staged {
    store: MemoryStore,
    pub(crate) wire: Arc<Wire>,
}

pub(crate) type Node = TieredStore<Staged>;

/// A store, and the clock that all nodes share.
pub(crate) struct Stage {
    pub(crate) store: MemoryStore,
    pub(crate) clock: ManualClock,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with_partitions(1_024)
    }

    /// With one partition, one cached session brings the lease for all.
    pub(crate) fn of_one_partition() -> Self {
        Self::with_partitions(1)
    }

    pub(crate) fn with_partitions(partitions: u32) -> Self {
        let clock = ManualClock::new();
        Self { store: MemoryStore::builder().clock(clock.clone()).partitions(partitions).build().unwrap(), clock }
    }

    pub(crate) fn builder(&self) -> TieredStoreBuilder<Staged> {
        TieredStore::builder(Staged { store: self.store.node(), wire: Arc::default() })
            .clock(self.clock.clone())
            .max_staleness(BOUND)
            .self_check(None)
    }

    pub(crate) fn node(&self) -> Node {
        self.builder().build()
    }

    /// Creates a session in the store with this value of `a`.
    pub(crate) async fn session(&self, a: &str) -> (SessionId, Stamp) {
        let id = SessionId::generate().unwrap();
        let new = NewSession { entries: set("a", a), ..NewSession::generate(Expiry::default()).unwrap() };
        assert!(matches!(self.store.create(&id, &new).await.unwrap(), CreateOutcome::Created(_)));
        (id, new.stamp())
    }

    /// A node with a copy of a new session that may answer.
    pub(crate) async fn cached(a: &str) -> (Self, Node, SessionId) {
        let stage = Self::new();
        let node = stage.node();
        let (id, _) = stage.session(a).await;
        warm(&node, &id).await;
        (stage, node, id)
    }

    /// A node with a lease for a new session, and no copy of it.
    pub(crate) async fn leased(a: &str) -> (Self, Node, SessionId) {
        let stage = Self::of_one_partition();
        let node = stage.node();
        let (id, _) = stage.session(a).await;
        let (other, _) = stage.session("other").await;
        warm(&node, &other).await;
        (stage, node, id)
    }

    /// The same, with a load in flight that has read the session and whose answer is held back.
    pub(crate) async fn filling(a: &str) -> (Self, Node, SessionId, JoinHandle<LoadOutcome>) {
        let (stage, node, id) = Self::leased(a).await;
        node.remote().wire.hold();
        let fill = begin(&node, &id);
        node.remote().wire.wait_for_held(1).await;
        (stage, node, id, fill)
    }

    /// Advances the clock and runs all tasks until they wait.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        settle().await;
    }
}

/// Runs all tasks until they wait. The tasks of a test share one thread, so after enough turns all of them wait.
pub(crate) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn set(name: &str, value: &str) -> Delta {
    let mut delta = Delta::new();
    delta.set(Field::new(name).unwrap(), Value::new(Format::JSON, value.as_bytes()));
    delta
}

pub(crate) fn op() -> OpId {
    OpId::generate().unwrap()
}

pub(crate) async fn write(store: &dyn SessionStore, id: &SessionId, value: &str) -> Stamp {
    match store.apply(id, &Update::new(op(), set("a", value))).await.unwrap() {
        ApplyOutcome::Applied(applied) => applied.stamp,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn end(store: &dyn SessionStore, id: &SessionId) {
    let ended = store.destroy(id, &Destroy::new(op(), EndReason::Logout)).await.unwrap();
    assert!(matches!(ended, DestroyOutcome::Destroyed { .. }));
}

pub(crate) async fn rotate(store: &dyn SessionStore, id: &SessionId, kind: RotationKind) -> SessionId {
    let to = id.generate_sibling().unwrap();
    let rotated = store.rotate(id, &Rotation::new(op(), to, kind)).await.unwrap();
    assert!(matches!(rotated, RotateOutcome::Rotated(_)), "{rotated:?}");
    to
}

/// Loads a session and returns its `a`; `None` if there is no session.
pub(crate) async fn read(store: &dyn SessionStore, id: &SessionId) -> Option<String> {
    value_of(store.load(id, LoadOptions::default()).await.unwrap())
}

pub(crate) fn value_of(outcome: LoadOutcome) -> Option<String> {
    match outcome {
        LoadOutcome::Found(found) => {
            found.record.state().get("a").map(|value| String::from_utf8(value.payload().to_vec()).unwrap())
        }
        _ => None,
    }
}

/// Gives the node a copy that may answer.
pub(crate) async fn warm(node: &Node, id: &SessionId) {
    // The first call starts the listener, the second one fills, and then a heartbeat brings the lease.
    read(node, id).await;
    settle().await;
    read(node, id).await;
    settle().await;
    let hits = node.stats().hits;
    assert!(read(node, id).await.is_some());
    assert_eq!(node.stats().hits, hits + 1, "a copy answers: {:?}", node.stats());
}

/// Whether a load is answered without the store.
pub(crate) async fn is_hit(node: &Node, id: &SessionId) -> bool {
    let loads = node.remote().wire.loads.load(SeqCst);
    let _ = node.load(id, LoadOptions::default()).await;
    node.remote().wire.loads.load(SeqCst) == loads
}

/// Begins a load.
pub(crate) fn begin(node: &Node, id: &SessionId) -> JoinHandle<LoadOutcome> {
    let (node, id) = (node.clone(), *id);
    tokio::spawn(async move { node.load(&id, LoadOptions::default()).await.unwrap() })
}

macro_rules! pass_on {
    ($($method:ident($argument:ident: $type:ty) -> $outcome:ty;)*) => {
        #[async_trait]
        impl SessionStore for Staged {
            $(async fn $method(&self, id: &SessionId, $argument: $type) -> Result<$outcome, Error> {
                self.wire.answer()?;
                let outcome = self.store.$method(id, $argument).await;
                self.wire.receive()?;
                outcome
            })*

            async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
                self.wire.answer()?;
                self.wire.touches.fetch_add(1, SeqCst);
                let outcome = self.store.touch(id, options).await;
                self.wire.hold_reply().await;
                outcome
            }

            async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
                assert_eq!(options.level, ReadLevel::Store, "a cache behind the cache must not answer");
                self.wire.loads.fetch_add(1, SeqCst);
                self.wire.answer()?;
                self.wire.hold_departure().await;
                let outcome = self.store.load(id, options).await;
                self.wire.hold_reply().await;
                outcome
            }

            fn backend(&self) -> &'static str {
                "staged"
            }

            fn limits(&self) -> Limits {
                self.store.limits()
            }

            async fn check(&self) -> Result<(), Error> {
                self.wire.answer()
            }

            fn index(&self) -> Option<&dyn SessionIndex> {
                self.store.index().map(|_| self as _)
            }

            fn lock(&self) -> Option<&dyn SessionLock> {
                self.store.lock()
            }

            fn feed(&self) -> Option<&dyn ChangeFeed> {
                Some(self)
            }
        }
    };
}

pass_on! {
    create(new: &NewSession) -> CreateOutcome;
    apply(update: &Update) -> ApplyOutcome;
    rotate(rotation: &Rotation) -> RotateOutcome;
    destroy(destroy: &Destroy) -> DestroyOutcome;
}

#[async_trait]
impl ChangeFeed for Staged {
    fn origin(&self) -> Origin {
        self.store.feed().unwrap().origin()
    }

    fn partitions(&self) -> u32 {
        self.store.feed().unwrap().partitions()
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        self.wire.answer()?;
        let inner = self.store.feed().unwrap().subscribe().await?;
        let barriers = Arc::new(WireBarriers { wire: self.wire.clone(), barriers: inner.barriers().clone() });
        let (wire, feed_held) = (self.wire.clone(), self.wire.feed_held.subscribe());
        let items = futures_util::stream::unfold((inner, wire), move |(mut inner, wire)| {
            let mut feed_held = feed_held.clone();
            async move {
                loop {
                    let _ = feed_held.wait_for(|feed_held| !feed_held).await;
                    let injected = wire.injected.lock().pop_front();
                    if let Some(item) = injected {
                        return Some((item, (inner, wire)));
                    }
                    tokio::select! {
                        biased;
                        _ = feed_held.changed() => {}
                        () = wire.item_injected.notified() => {}
                        item = std::future::poll_fn(|cx| next(&mut inner, cx)) => {
                            if matches!(item, Some(FeedItem::Change(_))) && wire.lossy.load(SeqCst) {
                                continue;
                            }
                            return item.map(|item| (item, (inner, wire)));
                        }
                    }
                }
            }
        });
        Ok(Subscription::new(items, barriers))
    }
}

fn next(inner: &mut Subscription, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
    futures_util::Stream::poll_next(std::pin::Pin::new(inner), cx)
}
