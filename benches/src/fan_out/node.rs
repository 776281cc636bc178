//! The CPU time that receiving changes costs a node.

use std::{fs, time::Duration};

use session_core::{LoadOptions, store::SessionStore as _};
use session_redis::RedisStore;
use session_testkit::Server;
use session_tiered::TieredStore;
use tokio::time::sleep;

use super::subscribed_server::{apply, create};
use crate::scalars;

/// After this time all changes have been received.
const SETTLED: Duration = Duration::from_millis(30);
const AT_ONCE: usize = 64;

/// The CPU time of this process so far, in microseconds: that of all live threads.
pub fn process_cpu() -> f64 {
    let threads = fs::read_dir("/proc/self/task").expect("/proc/self/task can be read");
    let nanos = |path: fs::DirEntry| -> Option<f64> {
        fs::read_to_string(path.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    threads.flatten().filter_map(nanos).sum::<f64>() / 1e3
}

/// A server, one client that writes, and nodes with local caches that have no copies of the written sessions.
#[derive(Debug)]
pub struct Listeners {
    store: RedisStore,
    ids: Vec<session_core::SessionId>,
    _nodes: Vec<TieredStore<RedisStore>>,
    _server: Server,
}

impl Listeners {
    /// A server with this many nodes.
    pub async fn start(nodes: usize) -> Self {
        let server = Server::start().await;
        let store = RedisStore::connect(&server.url()).await.expect("a store");
        let ids = create(&store, AT_ONCE, scalars(8, 29)).await;
        let cached = create(&store, 1, scalars(8, 29)).await[0];
        let mut listening = Vec::new();
        for _ in 0..nodes {
            let node = TieredStore::new(RedisStore::connect(&server.url()).await.expect("a store"));
            // The listener begins with the first load; once a load is a hit, it listens.
            while node.stats().hits == 0 {
                let _ = node.load(&cached, LoadOptions::default()).await.expect("loaded");
                sleep(Duration::from_millis(2)).await;
            }
            listening.push(node);
        }
        Self { store, ids, _nodes: listening, _server: server }
    }

    /// The CPU time of this process per update: that of the writing client and of all nodes.
    pub async fn apply(&self, count: usize) -> f64 {
        let before = process_cpu();
        apply(&[&self.store], &self.ids, count, AT_ONCE).await;
        sleep(SETTLED).await;
        (process_cpu() - before) / count as f64
    }
}
