//! The effect of writes on one node on the hits of the others with concurrent requests: several clients at full speed,
//! on a runtime of two workers. The order of the requests depends on the machine; its speed does not matter.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a measurement that cannot run must not go on")]

use std::sync::Arc;

use session_core::{
    LoadOptions, SessionId,
    store::{SessionStore as _, Update},
};
use session_memory::MemoryStore;
use session_tiered::{Capacity, Stats, TieredStore};

use super::fleet::Reaction;
use crate::{Zipf, create, op, scalars};

/// Sessions, requested in proportion to n^-0.9.
pub const SESSIONS: usize = 10_000;
/// The copies that a node keeps.
pub const COPIES: u64 = 2_500;
/// Clients, each of which has one request in flight.
pub const CLIENTS: u64 = 8;

type Node = TieredStore<Arc<dyn session_core::store::SessionStore>>;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Meeting {
    /// The number of nodes; each request goes to a random one.
    pub nodes: usize,
    /// The reaction of nodes to the writes of others, with an update in every request. With `None`, no request writes.
    pub writes: Option<Reaction>,
    /// The number of requests to warm up, and of those that count.
    pub requests: u64,
}

impl Meeting {
    /// The hit rate of the second half, over all nodes, and their counters in both halves.
    pub fn hit_rate(&self, seed: u64) -> (f64, Stats) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(self.drive(seed))
    }

    async fn drive(&self, seed: u64) -> (f64, Stats) {
        let memory = MemoryStore::builder().partitions(64).build().unwrap();
        let ids: Arc<[SessionId]> = (0..SESSIONS).map(|_| create(&memory, scalars(8, 29)).unwrap()).collect();
        let store = |_| self.writes.unwrap_or(Reaction::Patch).node(&memory);
        let tiered = |store| TieredStore::builder(store).capacity(Capacity::entries(COPIES)).build();
        let nodes: Arc<[Node]> = (0..self.nodes).map(store).map(tiered).collect();
        let zipf = Zipf::new(SESSIONS, 1);
        self.half(&nodes, &ids, &zipf, 2 * seed).await;
        let before = sum(&nodes);
        self.half(&nodes, &ids, &zipf, 2 * seed + 1).await;
        let after = sum(&nodes);
        let (hits, misses) = (after.hits - before.hits, after.misses - before.misses);
        (hits as f64 / (hits + misses) as f64, after)
    }

    async fn half(&self, nodes: &Arc<[Node]>, ids: &Arc<[SessionId]>, zipf: &Zipf, half: u64) {
        let seeds = half * CLIENTS + 1..(half + 1) * CLIENTS + 1;
        let client = |seed| tokio::spawn(self.client(nodes.clone(), ids.clone(), zipf.with_seed(seed)));
        for client in seeds.map(client).collect::<Vec<_>>() {
            client.await.unwrap();
        }
    }

    fn client(
        &self,
        nodes: Arc<[Node]>,
        ids: Arc<[SessionId]>,
        mut zipf: Zipf,
    ) -> impl Future<Output = ()> + Send + use<> {
        let Self { requests, writes, .. } = *self;
        async move {
            for _ in 0..requests / CLIENTS {
                let node = &nodes[zipf.bits() as usize % nodes.len()];
                let id = &ids[zipf.sample()];
                let _ = node.load(id, LoadOptions::default()).await.unwrap();
                tokio::task::yield_now().await;
                if writes.is_some() {
                    let _ = node.apply(id, &Update::new(op(), scalars(1, 29))).await.unwrap();
                }
                tokio::task::yield_now().await;
            }
        }
    }
}

fn sum(nodes: &[Node]) -> Stats {
    nodes.iter().map(TieredStore::stats).fold(Stats::default(), |mut sum, stats| {
        sum.hits += stats.hits;
        sum.misses += stats.misses;
        sum.patched += stats.patched;
        sum.evicted += stats.evicted;
        sum.gaps += stats.gaps;
        sum
    })
}
