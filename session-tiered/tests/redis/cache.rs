//! The cache of a node: as it is published, or with a mistake.

use std::{fmt, sync::Arc};

use session_core::store::SessionStore;
use session_tiered::{Stats, TieredStore, TieredStoreBuilder};
use session_tiered_sim::Mutant;

use crate::{node::BOUND, split::Split};

/// A store with its counters.
#[derive(Clone)]
pub(crate) struct Cache {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) stats: Arc<dyn Fn() -> Stats + Send + Sync>,
}

/// Builds the cache of a node.
pub(crate) type Build = fn(Split) -> Cache;

/// The cache as it is published, with the settings of these tests.
pub(crate) const SOUND: Build = |split| sound(split).into();

/// A builder for the cache as it is published.
pub(crate) fn sound(split: Split) -> TieredStoreBuilder<Split> {
    TieredStore::builder(split).max_staleness(BOUND).self_check(None)
}

/// A cache with a mistake.
pub(crate) fn broken(split: Split, mutant: Mutant) -> Cache {
    let builder = session_tiered_sim::TieredStore::builder(split).max_staleness(BOUND).self_check(None);
    let store = Arc::new(builder.mutant(mutant).build());
    let counted = store.clone();
    Cache { store, stats: Arc::new(move || published(&counted.stats())) }
}

impl From<TieredStoreBuilder<Split>> for Cache {
    fn from(builder: TieredStoreBuilder<Split>) -> Self {
        let store = Arc::new(builder.build());
        let counted = store.clone();
        Self { store, stats: Arc::new(move || counted.stats()) }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("store", &self.store).finish_non_exhaustive()
    }
}

macro_rules! same_counters {
    ($from:ident: $($name:ident)*) => {{
        let mut stats = Stats::default();
        $(stats.$name = $from.$name;)*
        stats
    }};
}

/// The same counters under the published type.
fn published(stats: &session_tiered_sim::Stats) -> Stats {
    same_counters! {
        stats: hits misses joined patched evicted displaced oversized revalidated fills_rejected resurrections_refused gaps
        epochs_ended lease_losses history_lost floors_unmet served_stale broken_circuits first_loads_refused heartbeats
        self_checks violations staleness
    }
}
