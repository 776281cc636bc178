//! A memory store behind a network that does what a test says: answers that are held up, calls that fail, a feed that
//! is held up, or has gaps.

mod index;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use parking_lot::Mutex;
use session_core::{
    Error, ErrorKind, Expiry, Limits, LoadOptions, ManualClock, ReadLevel, SessionId,
    model::{Delta, EndReason, Field, Format, OpId, Stamp, Value},
    store::{
        ApplyOutcome, BarrierId, Barriers, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, FeedItem, GapCause,
        LoadOutcome, NewSession, Origin, RotateOutcome, Rotation, RotationKind, SessionIndex, SessionLock,
        SessionStore, Subscription, TouchOptions, TouchOutcome, Update, async_trait,
    },
};
use session_memory::MemoryStore;
use session_tiered::{TieredStore, TieredStoreBuilder};
use tokio::sync::{Notify, Semaphore, watch};

pub(crate) const BOUND: Duration = Duration::from_secs(1);

/// What can be done to the way between a node and its store.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Loads and touches are done, and wait for leave to bring the answer home.
    pub(crate) held: AtomicBool,
    leave: Semaphore,
    /// Loads wait for leave before they read.
    pub(crate) stopped: AtomicBool,
    depart: Semaphore,
    /// How many have waited so far.
    pub(crate) waiting: watch::Sender<usize>,
    /// Calls fail.
    pub(crate) down: AtomicBool,
    /// The call is carried out, and its answer is lost.
    pub(crate) deaf: AtomicBool,
    /// Changes are lost on their way, and nobody notices.
    pub(crate) lossy: AtomicBool,
    /// Heartbeats fail; other calls do not.
    pub(crate) heartless: AtomicBool,
    pub(crate) loads: AtomicUsize,
    pub(crate) touches: AtomicUsize,
    /// Nothing comes out of the feed.
    pub(crate) mute: watch::Sender<bool>,
    told: Mutex<VecDeque<FeedItem>>,
    stirred: Notify,
}

/// The store as one node reaches it.
#[derive(Debug)]
pub(crate) struct Staged {
    store: MemoryStore,
    pub(crate) wire: Arc<Wire>,
}

pub(crate) type Node = TieredStore<Staged>;

/// A store, and the clock of everybody.
pub(crate) struct Stage {
    pub(crate) store: MemoryStore,
    pub(crate) clock: ManualClock,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with_partitions(1_024)
    }

    /// Where one session is cached, there is a lease for all.
    pub(crate) fn of_one_partition() -> Self {
        Self::with_partitions(1)
    }

    pub(crate) fn with_partitions(partitions: u32) -> Self {
        let clock = ManualClock::new();
        Self { store: MemoryStore::builder().clock(clock.clone()).partitions(partitions).build().unwrap(), clock }
    }

    pub(crate) fn builder(&self) -> TieredStoreBuilder<Staged> {
        let wire = Wire {
            held: AtomicBool::new(false),
            leave: Semaphore::new(0),
            stopped: AtomicBool::new(false),
            depart: Semaphore::new(0),
            waiting: watch::Sender::new(0),
            down: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            lossy: AtomicBool::new(false),
            heartless: AtomicBool::new(false),
            loads: AtomicUsize::new(0),
            touches: AtomicUsize::new(0),
            mute: watch::Sender::new(false),
            told: Mutex::default(),
            stirred: Notify::new(),
        };
        TieredStore::builder(Staged { store: self.store.node(), wire: Arc::new(wire) })
            .clock(self.clock.clone())
            .max_staleness(BOUND)
            .self_check(None)
    }

    pub(crate) fn node(&self) -> Node {
        self.builder().build()
    }

    /// A session in the store, with this value of `a`.
    pub(crate) async fn session(&self, a: &str) -> (SessionId, Stamp) {
        let id = SessionId::generate().unwrap();
        let new = NewSession::generate(Expiry::default()).unwrap().with_entries(set("a", a));
        assert!(matches!(self.store.create(&id, &new).await.unwrap(), CreateOutcome::Created(_)));
        (id, new.stamp())
    }

    /// Lets time pass, and everybody do what they do then.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        settle().await;
    }
}

/// Everybody does what can be done without time passing. All tasks of a test share one thread, so after enough turns
/// nothing is left to do.
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

/// What `a` is, as a load says; nothing if there is no session.
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

/// Makes the node keep a copy that may answer.
pub(crate) async fn warm(node: &Node, id: &SessionId) {
    // The first call begins to listen, the second one fills, and then a heartbeat brings the lease.
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

/// Loads whose answers are held up.
pub(crate) fn begin(node: &Node, id: &SessionId) -> tokio::task::JoinHandle<LoadOutcome> {
    let (node, id) = (node.clone(), *id);
    tokio::spawn(async move { node.load(&id, LoadOptions::default()).await.unwrap() })
}

impl Wire {
    pub(crate) fn hold(&self) {
        self.held.store(true, SeqCst);
    }

    /// So many loads have read and wait.
    pub(crate) async fn has_read(&self, count: usize) {
        self.waiting.subscribe().wait_for(|waiting| *waiting >= count).await.unwrap();
    }

    pub(crate) fn release(&self) {
        self.held.store(false, SeqCst);
        self.leave.add_permits(1_000);
    }

    /// Something of the feed is lost.
    pub(crate) fn gap(&self, partition: Option<u16>, cause: GapCause) {
        self.tell(FeedItem::Gap(partition, cause));
    }

    /// The feed says this.
    pub(crate) fn tell(&self, item: FeedItem) {
        self.told.lock().push_back(item);
        self.stirred.notify_one();
    }

    /// Loads that begin from now on are late to read.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, SeqCst);
    }

    /// Those go on, and others do not wait any more.
    pub(crate) fn go_on(&self) {
        self.stopped.store(false, SeqCst);
        self.depart.add_permits(1_000);
    }

    async fn set_out(&self) {
        if self.stopped.load(SeqCst) {
            self.waiting.send_modify(|waiting| *waiting += 1);
            self.depart.acquire().await.unwrap().forget();
        }
    }

    async fn bring_home(&self) {
        if self.held.load(SeqCst) {
            self.waiting.send_modify(|waiting| *waiting += 1);
            self.leave.acquire().await.unwrap().forget();
        }
    }

    fn answer(&self) -> Result<(), Error> {
        if self.down.load(SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the wire is down"));
        }
        Ok(())
    }

    fn hear(&self) -> Result<(), Error> {
        if self.deaf.load(SeqCst) {
            return Err(Error::new(ErrorKind::OutcomeUnknown, "the answer was lost"));
        }
        Ok(())
    }
}

macro_rules! pass_on {
    ($($method:ident($argument:ident: $type:ty) -> $outcome:ty;)*) => {
        #[async_trait]
        impl SessionStore for Staged {
            $(async fn $method(&self, id: &SessionId, $argument: $type) -> Result<$outcome, Error> {
                self.wire.answer()?;
                let outcome = self.store.$method(id, $argument).await;
                self.wire.hear()?;
                outcome
            })*

            async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
                self.wire.answer()?;
                self.wire.touches.fetch_add(1, SeqCst);
                let outcome = self.store.touch(id, options).await;
                self.wire.bring_home().await;
                outcome
            }

            async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
                assert_eq!(options.level, ReadLevel::Store, "a cache behind the cache must not answer");
                self.wire.loads.fetch_add(1, SeqCst);
                self.wire.answer()?;
                self.wire.set_out().await;
                let outcome = self.store.load(id, options).await;
                self.wire.bring_home().await;
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
        let (wire, mute) = (self.wire.clone(), self.wire.mute.subscribe());
        let items = futures_util::stream::unfold((inner, wire), move |(mut inner, wire)| {
            let mut mute = mute.clone();
            async move {
                loop {
                    let _ = mute.wait_for(|mute| !mute).await;
                    let told = wire.told.lock().pop_front();
                    if let Some(item) = told {
                        return Some((item, (inner, wire)));
                    }
                    tokio::select! {
                        biased;
                        _ = mute.changed() => {}
                        () = wire.stirred.notified() => {}
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

#[derive(Debug)]
struct WireBarriers {
    wire: Arc<Wire>,
    barriers: Arc<dyn Barriers>,
}

#[async_trait]
impl Barriers for WireBarriers {
    async fn barrier(&self, partition: u16) -> Result<BarrierId, Error> {
        self.wire.answer()?;
        if self.wire.heartless.load(SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "no sign of life"));
        }
        self.barriers.barrier(partition).await
    }
}
