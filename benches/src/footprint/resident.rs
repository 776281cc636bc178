//! By the resident set of this process.

use std::{fs, time::Duration};

use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use session_core::{LoadOptions, SessionId, store::SessionStore};
use session_memory::MemoryStore;
use session_redis::RedisStore;
use session_testkit::Server;
use session_tiered::{Capacity, TieredStore};
use tokio::time::{Instant, sleep};

use super::Shape;
use crate::{create, elapsed, fan_out::create_in_redis, fan_out::runtime, scalars};

/// What each session of the memory store holds: three values of 16 bytes, as a user id, a token and a time would be.
const FIELDS: usize = 3;
const VALUE_BYTES: usize = 16;

/// What so many sessions take.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Grown {
    /// How many there are.
    pub sessions: usize,
    /// By how much the resident set has grown since there were none, in bytes.
    pub bytes: f64,
    /// How many of them came last, in one step.
    pub last: usize,
    /// How long it has taken to create or to load those, in seconds.
    pub seconds: f64,
}

impl Grown {
    /// Bytes of each.
    pub fn bytes_each(&self) -> f64 {
        self.bytes / self.sessions as f64
    }

    /// Nanoseconds of each of those that came last: a mean since the start would hide what grows.
    pub fn nanos_each(&self) -> f64 {
        self.seconds * 1e9 / self.last as f64
    }
}

/// Creates so many sessions in one memory store, then as many as are missing to the next number, and so on.
///
/// # Panics
/// If the store refuses, or this is no Linux.
pub fn memory_store(counts: &[usize]) -> Vec<Grown> {
    let store = MemoryStore::new();
    let mut stored = 0;
    let before = resident_bytes();
    let grown = |count: &usize| {
        let missing = count.saturating_sub(stored);
        let one = |_| create(&store, scalars(FIELDS, VALUE_BYTES)).map(drop).expect("created");
        let seconds = elapsed(|| (0..missing).for_each(one)).as_secs_f64();
        stored += missing;
        Grown { sessions: stored, bytes: resident_bytes() - before, last: missing, seconds }
    };
    counts.iter().map(grown).collect()
}

/// Loads so many sessions of a shape into the cache of a node, which has room for all.
///
/// # Panics
/// If the server fails, or this is no Linux.
pub fn copies(shape: Shape, count: usize) -> Grown {
    runtime().block_on(async {
        let node = Node::start(shape, count, Capacity::entries(4 * count as u64)).await;
        let (bytes, seconds) = node.fill().await;
        let misses = node.tiered.stats().misses;
        load_all(&node.tiered, &node.ids).await;
        let stats = node.tiered.stats();
        assert!(stats.misses - misses < count as u64 / 100, "all are there: {stats:?}");
        Grown { sessions: count, bytes, last: count, seconds }
    })
}

/// Loads so many sessions of a shape into a cache that may take so many bytes, which is too few. The
/// sessions that are told of are those that it keeps.
///
/// # Panics
/// If the server fails, all of them fit, or this is no Linux.
pub fn booked(shape: Shape, count: usize, capacity: u64) -> Grown {
    runtime().block_on(async {
        let node = Node::start(shape, count, Capacity::bytes(capacity)).await;
        let (bytes, seconds) = node.fill().await;
        let displaced = usize::try_from(node.tiered.stats().displaced).expect("a count");
        assert!(displaced > count / 4, "the cache is full: {:?}", node.tiered.stats());
        Grown { sessions: count - displaced, bytes, last: count, seconds }
    })
}

/// A cache in front of Redis, and the sessions there.
struct Node {
    _server: Server,
    tiered: TieredStore<RedisStore>,
    ids: Vec<SessionId>,
}

impl Node {
    /// That listens and has a lease, and no copies but one.
    async fn start(shape: Shape, count: usize, capacity: Capacity) -> Self {
        let server = Server::start().await;
        let store = RedisStore::connect(&server.url()).await.expect("a store");
        let ids = create_in_redis(&store, count, scalars(shape.fields, shape.value)).await;
        let tiered = TieredStore::builder(store.clone())
            .capacity(capacity)
            // Nothing is to be asked again meanwhile.
            .max_age(Duration::from_secs(3_600))
            .build();
        while tiered.stats().hits == 0 {
            let _ = tiered.load(&ids[0], LoadOptions::default()).await.expect("loaded");
            sleep(Duration::from_millis(2)).await;
        }
        // What loads need for themselves is there before.
        load_all(&store, &ids).await;
        Self { _server: server, tiered, ids }
    }

    /// Loads all; by how much the resident set grows, and in how many seconds.
    async fn fill(&self) -> (f64, f64) {
        let before = resident_bytes();
        let started = Instant::now();
        load_all(&self.tiered, &self.ids).await;
        let seconds = started.elapsed().as_secs_f64();
        (resident_bytes() - before, seconds)
    }
}

async fn load_all(store: &impl SessionStore, ids: &[SessionId]) {
    let load = |id| async move { drop(store.load(id, LoadOptions::default()).await.expect("loaded")) };
    stream::iter(ids).map(load).buffer_unordered(64).collect::<()>().await;
}

/// The resident set of this process, from the kernel.
///
/// # Panics
/// If the kernel does not say.
pub fn resident_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident set");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") * 1_024.0
}
