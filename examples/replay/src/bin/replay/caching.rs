//! The nodes with local caches, and what the caches did.

use std::{fmt, sync::Arc};

use replay::plan::Counts;
use serde::Serialize;
use session_core::{Error, store::SessionStore};
use session_tiered::{Stats, TieredStore};

use crate::{
    backend::Backend,
    probe::Probe,
    report::{Percentiles, grouped, row},
    shop::{DeltaShop, Shop},
    tally::{Latencies, Tally},
};

/// The local cache of a node.
pub(crate) type Cache = TieredStore<Arc<dyn SessionStore>>;

/// One more application node with a local cache.
pub(crate) async fn tiered_node(backend: &Backend) -> Result<(Arc<dyn Shop>, Cache), Error> {
    let cache = TieredStore::new(backend.store().await?);
    Ok((Arc::new(DeltaShop::new(Arc::new(cache.clone()))), cache))
}

/// The local caches of all nodes, and the probe that measures how soon changes are visible.
#[derive(Debug)]
pub(crate) struct Caches {
    all: Vec<Cache>,
    probe: Probe,
}

impl Caches {
    /// Starts this many nodes.
    pub(crate) async fn start(nodes: u16, backend: &Backend) -> Result<(Vec<Arc<dyn Shop>>, Self), Error> {
        let (mut shops, mut all) = (Vec::new(), Vec::new());
        for _ in 0..nodes {
            let (shop, cache) = tiered_node(backend).await?;
            shops.push(shop);
            all.push(cache);
        }
        Ok((shops, Self { all, probe: Probe::start(backend).await? }))
    }

    pub(crate) fn finish(self, counts: &Counts, tally: &Tally) -> Caching {
        Caching::new(&self.all, counts, tally, &self.probe.end())
    }
}

/// What the local caches did, all nodes together.
#[derive(Debug, Serialize)]
pub(crate) struct Caching {
    /// The share of requests that a local copy answered.
    pub(crate) hit_rate: f64,
    /// Copies to which another node's change was applied.
    pub(crate) patched: u64,
    /// Copies that were dropped instead.
    pub(crate) evicted: u64,
    /// Answers of the store that were not kept, because a later change arrived first.
    pub(crate) fills_rejected: u64,
    /// Loads that found a copy without a lease.
    pub(crate) lease_losses: u64,
    /// An upper bound on the staleness of any hit.
    pub(crate) stalest_hit_at_most_ms: f64,
    /// The time from the acknowledgement of a change until another node serves it.
    pub(crate) visible: Percentiles,
}

impl Caching {
    fn new(caches: &[Cache], counts: &Counts, tally: &Tally, visible: &Latencies) -> Self {
        let all: Vec<Stats> = caches.iter().map(Cache::stats).collect();
        let sum = |count: fn(&Stats) -> u64| all.iter().map(count).sum::<u64>();
        // Every request opens its session, except creating and signing out. The audit does not ask the caches.
        let opened = tally.requests().saturating_sub(tally.audit.sessions + counts.logouts);
        let step = |stats: &Stats| stats.staleness.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        let steps = all.iter().map(step).max().unwrap_or_default();
        let bound = session_tiered::defaults::MAX_STALENESS.as_secs_f64() * 1_000.0;
        Self {
            hit_rate: sum(|stats| stats.hits) as f64 / opened.max(1) as f64,
            patched: sum(|stats| stats.patched),
            evicted: sum(|stats| stats.evicted),
            fills_rejected: sum(|stats| stats.fills_rejected),
            lease_losses: sum(|stats| stats.lease_losses),
            stalest_hit_at_most_ms: steps as f64 * bound / Stats::default().staleness.len() as f64,
            visible: Percentiles::from(visible),
        }
    }

    pub(crate) fn fmt_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<38}{:>11.1} %", "hit rate of the local caches", self.hit_rate * 100.0)?;
        row(f, "copies patched", self.patched, "")?;
        row(f, "copies evicted", self.evicted, "")?;
        row(f, "fills rejected", self.fills_rejected, "a later change arrived first")?;
        row(f, "loads without a lease", self.lease_losses, "")?;
        let (stalest, visible) = (self.stalest_hit_at_most_ms, &self.visible);
        writeln!(f, "  {:<38}{stalest:>11.1} ms, an upper bound", "stalest hit")?;
        let of = grouped(visible.count);
        writeln!(
            f,
            "  {:<38}{:>11.1} ms at most, p50 {:.2} ms; {of} measured\n",
            "change visible on another node after",
            visible.max_us / 1e3,
            visible.p50_us / 1e3
        )
    }
}
