//! The cache in front of the memory store passes the conformance suite with every capability.

use std::{sync::Arc, time::Duration};

use session_conformance::Harness;
use session_core::{Limits, ManualClock, defaults, store::SessionStore};
use session_memory::MemoryStore;
use session_tiered::TieredStore;

struct Tiered;

impl Harness for Tiered {
    type Backend = (MemoryStore, ManualClock);

    async fn start(&self) -> Self::Backend {
        let clock = ManualClock::new();
        // Low limits, so that the cases reach them soon.
        let limits = Limits { max_entries: 2_000, max_value_bytes: 4_096, max_session_bytes: 65_536 };
        (MemoryStore::builder().clock(clock.clone()).limits(limits).build().expect("valid settings"), clock)
    }

    async fn node(&self, (store, clock): &Self::Backend) -> Arc<dyn SessionStore> {
        Arc::new(TieredStore::builder(store.node()).clock(clock.clone()).build())
    }

    async fn elapse(&self, (_, clock): &Self::Backend, time: Duration) {
        clock.advance(time);
    }

    fn tombstone(&self) -> Option<Duration> {
        Some(defaults::TOMBSTONE)
    }
}

session_conformance::tests!(crate::Tiered);
