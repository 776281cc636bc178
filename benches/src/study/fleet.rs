//! The nodes: tiered stores on one memory store, in simulated time.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a measurement that cannot run must not go on")]

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, future::ready};
use replay::trace::Rng;
use session_core::{
    Expiry, LoadOptions, ManualClock, SessionId,
    model::{EndReason, Incarnation, OpId, Stamp},
    store::{ApplyOutcome, CreateOutcome, Destroy, FeedItem, LoadOutcome, NewSession, SessionStore, Update},
};
use session_memory::MemoryStore;
use session_tiered::{Capacity, Eviction, Stats, TieredStore};

use super::workload::{Act, Request};
use crate::{Tapped, scalars};

/// The reaction of a node to the writes of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Applies the change to its copy.
    Patch,
    /// Drops its copy: changes come without their deltas.
    Evict,
    /// None: it receives no change, and a copy answers until its maximum age.
    None,
}

impl Reaction {
    /// The name of the reaction.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Evict => "evict",
            Self::None => "no feed",
        }
    }

    /// A node's store, with the feed that causes this reaction.
    pub fn node(self, memory: &MemoryStore) -> Arc<dyn SessionStore> {
        match self {
            Self::Patch => Arc::new(memory.node()),
            Self::Evict => Arc::new(Tapped::new(memory.node(), |feed| feed.map(without_delta).boxed())),
            Self::None => Arc::new(Tapped::new(memory.node(), |feed| {
                feed.filter(|item| ready(!matches!(item, FeedItem::Change(_)))).boxed()
            })),
        }
    }
}

fn without_delta(mut item: FeedItem) -> FeedItem {
    if let FeedItem::Change(change) = &mut item {
        change.delta = None;
    }
    item
}

/// The settings of the nodes. Everything else has its default.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Their reaction to the writes of others.
    pub reaction: Reaction,
    /// The copies that each may keep; `None` for any number.
    pub copies: Option<u64>,
    /// The eviction policy.
    pub eviction: Eviction,
    /// How long a copy answers without being validated by the store.
    pub max_age: Duration,
    /// The time from one request to the next.
    pub spacing: Duration,
}

/// The counters of all caches together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Loads that were answered locally.
    pub hits: u64,
    /// Loads that were sent to the store.
    pub misses: u64,
    /// Answers that were not the current state.
    pub stale: u64,
    /// Misses at which the store only validated the existing copy.
    pub revalidated: u64,
    /// Copies to which a change was applied.
    pub patched: u64,
    /// Copies that were evicted because a change could not be applied to them, or because their session had ended.
    pub evicted: u64,
}

impl Counts {
    /// Hits as a share of all loads.
    pub fn hit_rate(&self) -> f64 {
        self.share(self.hits)
    }

    /// A count as a share of all loads.
    pub fn share(&self, count: u64) -> f64 {
        count as f64 / (self.hits + self.misses) as f64
    }

    fn add(&mut self, before: &Stats, after: &Stats) {
        self.hits += after.hits - before.hits;
        self.misses += after.misses - before.misses;
        self.revalidated += after.revalidated - before.revalidated;
        self.patched += after.patched - before.patched;
        self.evicted += after.evicted - before.evicted;
    }
}

type Node = TieredStore<Arc<dyn SessionStore>>;

/// Nodes on one store, and the current state of every session.
#[derive(Debug)]
pub struct Fleet {
    settings: Settings,
    clock: ManualClock,
    /// Elapsed time that the clock, which counts milliseconds, does not show yet.
    pending: Duration,
    memory: MemoryStore,
    /// The running nodes, each with its counters from before the measurement.
    places: Vec<Option<(Node, Stats)>>,
    /// The sessions that have begun: their ids and current stamps.
    sessions: Vec<Option<(SessionId, Stamp)>>,
    rng: Rng,
    counts: Counts,
}

/// Shorter than a heartbeat, so that leases continue however long the pause between requests is.
const STEP: Duration = Duration::from_millis(200);

impl Fleet {
    /// No place runs a node yet; each starts with its first request.
    pub fn new(settings: Settings, places: u32, sessions: u32, seed: u64) -> Self {
        let clock = ManualClock::new();
        // One partition, and therefore one heartbeat: the number of partitions has no effect on the cached copies.
        let memory = MemoryStore::builder().partitions(1).clock(clock.clone()).build().unwrap();
        Self {
            settings,
            clock,
            pending: Duration::ZERO,
            memory,
            places: (0..places).map(|_| None).collect(),
            sessions: vec![None; sessions as usize],
            rng: Rng::new(seed ^ 0x666c_6565_7400),
            counts: Counts::default(),
        }
    }

    /// Sends one request to a place, after the pause between two requests.
    pub async fn serve(&mut self, place: u32, request: Request) {
        self.pass(self.settings.spacing).await;
        let node = self.node(place).await;
        let whose = request.session as usize;
        let (id, stamp) = match self.sessions[whose] {
            Some(known) => known,
            None => self.begin(&node).await,
        };
        self.sessions[whose] = Some((id, stamp));
        match node.load(&id, LoadOptions::default()).await.unwrap() {
            LoadOutcome::Found(found) => self.counts.stale += u64::from(found.record.stamp() != stamp),
            other => panic!("{other:?}"),
        }
        match request.act {
            Act::Read => {}
            Act::Write => {
                let update = Update::new(self.op(), scalars(1, 29));
                match node.apply(&id, &update).await.unwrap() {
                    ApplyOutcome::Applied(applied) => self.sessions[whose] = Some((id, applied.stamp)),
                    other => panic!("{other:?}"),
                }
            }
            Act::End => self.end(&node, &id).await,
        }
        run_until_idle().await;
    }

    /// Stops the node of a place; its copies are lost.
    pub fn stop(&mut self, place: u32) {
        if let Some((node, before)) = self.places[place as usize].take() {
            self.counts.add(&before, &node.stats());
        }
    }

    /// The counters of all places.
    pub fn counts(mut self) -> Counts {
        (0..).take(self.places.len()).for_each(|place| self.stop(place));
        self.counts
    }

    async fn pass(&mut self, pause: Duration) {
        self.pending += pause;
        while self.pending > STEP {
            self.clock.advance(STEP);
            run_until_idle().await;
            self.pending -= STEP;
        }
        let millis = Duration::from_millis(u64::try_from(self.pending.as_millis()).unwrap_or(u64::MAX));
        self.clock.advance(millis);
        self.pending -= millis;
    }

    async fn node(&mut self, place: u32) -> Node {
        let at = place as usize;
        if let Some((node, _)) = &self.places[at] {
            return node.clone();
        }
        let node = self.start().await;
        self.places[at] = Some((node.clone(), node.stats()));
        node
    }

    /// A node that listens and has a lease, but no copies.
    async fn start(&mut self) -> Node {
        let Settings { reaction, copies, eviction, max_age, .. } = self.settings;
        let node = TieredStore::builder(reaction.node(&self.memory))
            .clock(self.clock.clone())
            .capacity(Capacity::entries(copies.unwrap_or(u64::from(u32::MAX))))
            .eviction(eviction)
            .max_age(max_age)
            .build();
        let (probe, _) = self.begin(&node).await;
        while node.stats().hits == 0 {
            let _ = node.load(&probe, LoadOptions::default()).await.unwrap();
            run_until_idle().await;
        }
        self.end(&node, &probe).await;
        run_until_idle().await;
        node
    }

    /// Creates a session through a node, as an application would. This leaves no copy of it.
    async fn begin(&mut self, node: &Node) -> (SessionId, Stamp) {
        let id = self.id();
        let mut new = NewSession { entries: scalars(8, 29), ..NewSession::generate(Expiry::default()).unwrap() };
        (new.write.op, new.incarnation) = (self.op(), Incarnation::from(self.rng.bits()));
        let stamp = new.stamp();
        match node.create(&id, &new).await.unwrap() {
            CreateOutcome::Created(_) => (id, stamp),
            other => panic!("{other:?}"),
        }
    }

    async fn end(&mut self, node: &Node, id: &SessionId) {
        let _ = node.destroy(id, &Destroy::new(self.op(), EndReason::Logout)).await.unwrap();
    }

    fn op(&mut self) -> OpId {
        OpId::from(self.rng.bits())
    }

    /// An id that is the same in each run of a seed, because collisions in moka's sketch depend on it.
    fn id(&mut self) -> SessionId {
        let mut bytes = [0; 18];
        let random = [self.rng.bits(), self.rng.bits(), self.rng.bits()].map(u64::to_le_bytes);
        bytes.iter_mut().zip(random.as_flattened()).for_each(|(byte, random)| *byte = *random);
        text(&bytes).parse().unwrap()
    }
}

/// base64, URL-safe.
fn text(bytes: &[u8; 18]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
    };
    bytes.chunks_exact(3).flat_map(digits).collect()
}

/// Lets every task run until it waits for time to pass. The runtime must run all ready tasks before it polls the
/// driver, as that of [`runtime`] does.
async fn run_until_idle() {
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
}

/// A single-threaded runtime, on which the tasks of the nodes run in the same order in each run.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().event_interval(100_000).build().unwrap()
}
