//! By the resident set of this process.

use std::{fs, time::Duration};

use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use session_core::{LoadOptions, SessionStore as _};
use session_memory::MemoryStore;
use session_redis::RedisStore;
use session_testkit::Server;
use session_tiered::{Capacity, TieredStore};
use tokio::time::sleep;

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
    /// How long it has taken to create or to load them, in seconds.
    pub seconds: f64,
}

impl Grown {
    /// Bytes of each.
    pub fn bytes_each(&self) -> f64 {
        self.bytes / self.sessions as f64
    }

    /// Nanoseconds of each, the mean since the start.
    pub fn nanos_each(&self) -> f64 {
        self.seconds * 1e9 / self.sessions as f64
    }
}

/// Creates so many sessions in one memory store, then as many as are missing to the next number, and so on.
///
/// # Panics
/// If the store refuses, or this is no Linux.
pub fn memory_store(counts: &[usize]) -> Vec<Grown> {
    let store = MemoryStore::new();
    let (mut stored, mut spent) = (0, Duration::ZERO);
    let before = resident_bytes();
    let grown = |count: &usize| {
        let missing = count.saturating_sub(stored);
        let one = |_| create(&store, scalars(FIELDS, VALUE_BYTES)).map(drop).expect("created");
        spent += elapsed(|| (0..missing).for_each(one));
        stored += missing;
        Grown { sessions: stored, bytes: resident_bytes() - before, seconds: spent.as_secs_f64() }
    };
    counts.iter().map(grown).collect()
}

/// Loads so many sessions of a shape into the cache of a node.
///
/// # Panics
/// If the server fails, or this is no Linux.
pub fn copies(shape: Shape, count: usize) -> Grown {
    runtime().block_on(async {
        let server = Server::start().await;
        let store = RedisStore::connect(&server.url()).await.expect("a store");
        let ids = create_in_redis(&store, count, scalars(shape.fields, shape.value)).await;
        let node = TieredStore::builder(store.clone())
            // Room for all, and nothing to be asked again meanwhile.
            .capacity(Capacity::entries(4 * count as u64))
            .max_age(Duration::from_secs(3_600))
            .build();
        while node.stats().hits == 0 {
            let _ = node.load(&ids[0], LoadOptions::default()).await.expect("loaded");
            sleep(Duration::from_millis(2)).await;
        }
        let (node, store) = (&node, &store);
        let load = |id| async move { drop(node.load(id, LoadOptions::default()).await.expect("loaded")) };
        let bare = |id| async move { drop(store.load(id, LoadOptions::default()).await.expect("loaded")) };
        // What loads need for themselves is there before.
        stream::iter(&ids).map(bare).buffer_unordered(64).collect::<()>().await;
        let before = resident_bytes();
        let started = tokio::time::Instant::now();
        stream::iter(&ids).map(load).buffer_unordered(64).collect::<()>().await;
        let seconds = started.elapsed().as_secs_f64();
        let bytes = resident_bytes() - before;
        let (misses, count) = (node.stats().misses, ids.len() as u64);
        stream::iter(&ids).map(load).buffer_unordered(64).collect::<()>().await;
        assert!(node.stats().misses - misses < count / 100, "all are there: {:?}", node.stats());
        Grown { sessions: ids.len(), bytes, seconds }
    })
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
