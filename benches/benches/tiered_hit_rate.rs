//! What writes on one node do to the hits of the others. The claim is in `benches/README.md`.
//!
//! Requests come one after another from each of several clients, each to a node of its own choice: a load, then, with
//! writes, an update of one field. Counts, not times: nothing here depends on how fast the machine is.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::sync::Arc;

use futures_util::StreamExt as _;
use session_benches::{Tapped, Zipf, create, op, scalars};
use session_core::{FeedItem, LoadOptions, SessionId, SessionStore, Update};
use session_memory::MemoryStore;
use session_tiered::{Capacity, Stats, TieredStore};

const SESSIONS: usize = 10_000;
/// Copies that a node keeps.
const COPIES: u64 = 2_500;
const CLIENTS: u64 = 8;
const NODES: [usize; 3] = [2, 4, 8];

#[derive(Clone, Copy, PartialEq)]
enum Writes {
    None,
    /// Changes carry their deltas.
    Patched,
    /// They do not, so that copies are evicted.
    Evicting,
}

type Node = TieredStore<Arc<dyn SessionStore>>;

fn nodes(memory: &MemoryStore, count: usize, writes: Writes) -> Vec<Node> {
    let node = |_| -> Arc<dyn SessionStore> {
        if writes != Writes::Evicting {
            return Arc::new(memory.node());
        }
        Arc::new(Tapped::new(memory.node(), |subscription| subscription.map(without_delta).boxed()))
    };
    let tiered = |store| TieredStore::builder(store).capacity(Capacity::entries(COPIES)).build();
    (0..count).map(node).map(tiered).collect()
}

fn without_delta(mut item: FeedItem) -> FeedItem {
    if let FeedItem::Change(change) = &mut item {
        change.delta = None;
    }
    item
}

async fn client(nodes: Arc<[Node]>, ids: Arc<[SessionId]>, mut whom: Zipf, requests: u64, writes: Writes) {
    for _ in 0..requests {
        let node = &nodes[whom.bits() as usize % nodes.len()];
        let id = &ids[whom.draw()];
        let _ = node.load(id, LoadOptions::default()).await.unwrap();
        tokio::task::yield_now().await;
        if writes != Writes::None {
            let _ = node.apply(id, &Update::new(op(), scalars(1, 29))).await.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

async fn drive(nodes: &Arc<[Node]>, ids: &Arc<[SessionId]>, (whom, half): (&Zipf, u64), requests: u64, writes: Writes) {
    let seeds = half * CLIENTS + 1..(half + 1) * CLIENTS + 1;
    let clients: Vec<_> = seeds
        .map(|seed| tokio::spawn(client(nodes.clone(), ids.clone(), whom.with_seed(seed), requests / CLIENTS, writes)))
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

/// Of the second half of the requests, all nodes together.
async fn hit_rate(count: usize, writes: Writes) -> (f64, Stats) {
    let memory = MemoryStore::builder().partitions(64).build().unwrap();
    let ids: Arc<[SessionId]> = (0..SESSIONS).map(|_| create(&memory, scalars(8, 29)).unwrap()).collect();
    let nodes: Arc<[Node]> = nodes(&memory, count, writes).into();
    let (whom, requests) = (Zipf::new(SESSIONS, 1), 40_000);
    drive(&nodes, &ids, (&whom, 0), requests, writes).await;
    let before = sum(&nodes);
    drive(&nodes, &ids, (&whom, 1), requests, writes).await;
    let after = sum(&nodes);
    let (hits, misses) = (after.hits - before.hits, after.misses - before.misses);
    (hits as f64 / (hits + misses) as f64, after)
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

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("hit rate, {SESSIONS} sessions, {COPIES} copies a node, a random node for each request:");
    println!("  nodes  no writes  a write each  of it   patched   evicted  gaps   without deltas  of it");
    for count in NODES {
        let [(still, _), (patched, stats), (evicting, _)] =
            [Writes::None, Writes::Patched, Writes::Evicting].map(|writes| runtime.block_on(hit_rate(count, writes)));
        println!(
            "  {count:5}  {still:9.4}  {patched:12.4}  {:5.3}  {:8}  {:8}  {:4}  {evicting:15.4}  {:5.3}",
            patched / still,
            stats.patched,
            stats.evicted,
            stats.gaps,
            evicting / still
        );
    }
}
