//! The footprint by the resident set of this process.

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

/// The fields of each session of the memory store: three values of 16 bytes, such as a user id, a token and a time.
const FIELDS: usize = 3;
const VALUE_BYTES: usize = 16;

/// The memory and time of some sessions.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Growth {
    /// The number of sessions.
    pub sessions: usize,
    /// The growth of the resident set since there were none, in bytes.
    pub bytes: f64,
    /// The number of sessions that the last step added.
    pub last: usize,
    /// The time of that step, in seconds.
    pub seconds: f64,
}

impl Growth {
    /// The bytes of each session.
    pub fn bytes_each(&self) -> f64 {
        self.bytes / self.sessions as f64
    }

    /// The nanoseconds of each session of the last step. A mean since the start would hide growth.
    pub fn nanos_each(&self) -> f64 {
        self.seconds * 1e9 / self.last as f64
    }
}

/// Creates sessions in one memory store until it has each of these numbers in turn.
///
/// # Panics
/// If the store refuses, or the system is not Linux.
pub fn memory_store(counts: &[usize]) -> Vec<Growth> {
    let store = MemoryStore::builder().capacity(usize::MAX).build().expect("a valid setting");
    let mut stored = 0;
    let before = resident_bytes();
    let growth = |count: &usize| {
        let missing = count.saturating_sub(stored);
        let one = |_| create(&store, scalars(FIELDS, VALUE_BYTES)).map(drop).expect("created");
        let seconds = elapsed(|| (0..missing).for_each(one)).as_secs_f64();
        stored += missing;
        Growth { sessions: stored, bytes: resident_bytes() - before, last: missing, seconds }
    };
    counts.iter().map(growth).collect()
}

/// Loads this many sessions of a shape into the cache of a node, which has room for all.
///
/// # Panics
/// If the server fails, or the system is not Linux.
pub fn copies(shape: Shape, count: usize) -> Growth {
    runtime().block_on(async {
        let node = Node::start(shape, count, Capacity::entries(4 * count as u64)).await;
        let (bytes, seconds) = node.fill().await;
        let misses = node.tiered.stats().misses;
        load_all(&node.tiered, &node.ids).await;
        let stats = node.tiered.stats();
        assert!(stats.misses - misses < count as u64 / 100, "all sessions must be cached: {stats:?}");
        Growth { sessions: count, bytes, last: count, seconds }
    })
}

/// Loads this many sessions of a shape into a cache with this capacity in bytes, which is too small. The result counts
/// the sessions that the cache keeps.
///
/// # Panics
/// If the server fails, all sessions fit, or the system is not Linux.
pub fn full_cache(shape: Shape, count: usize, capacity: u64) -> Growth {
    runtime().block_on(async {
        let node = Node::start(shape, count, Capacity::bytes(capacity)).await;
        let (bytes, seconds) = node.fill().await;
        let displaced = usize::try_from(node.tiered.stats().displaced).expect("a count");
        assert!(displaced > count / 4, "the cache must be full: {:?}", node.tiered.stats());
        Growth { sessions: count - displaced, bytes, last: count, seconds }
    })
}

/// A cache in front of Redis, and the sessions there.
struct Node {
    _server: Server,
    tiered: TieredStore<RedisStore>,
    ids: Vec<SessionId>,
}

impl Node {
    /// A node that listens and has a lease, and one copy.
    async fn start(shape: Shape, count: usize, capacity: Capacity) -> Self {
        let server = Server::start().await;
        let store = RedisStore::connect(&server.url()).await.expect("a store");
        let ids = create_in_redis(&store, count, scalars(shape.fields, shape.value)).await;
        let tiered = TieredStore::builder(store.clone())
            .capacity(capacity)
            // No copy is revalidated during the measurement.
            .max_age(Duration::from_secs(3_600))
            .build();
        while tiered.stats().hits == 0 {
            let _ = tiered.load(&ids[0], LoadOptions::default()).await.expect("loaded");
            sleep(Duration::from_millis(2)).await;
        }
        // The memory that loads themselves need is allocated before the measurement.
        load_all(&store, &ids).await;
        Self { _server: server, tiered, ids }
    }

    /// Loads all sessions. Returns the growth of the resident set, and the seconds.
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
/// If the kernel does not report it.
pub fn resident_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc/self/status can be read");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident set");
    line.trim().trim_end_matches("kB").trim().parse::<f64>().expect("a number") * 1_024.0
}
