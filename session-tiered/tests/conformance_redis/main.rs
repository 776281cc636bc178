//! The cache in front of Redis passes the conformance suite with every capability, on each topology.

#[path = "../../../session-redis/tests/conformance/topology.rs"]
mod topology;

use std::sync::Arc;

use session_core::store::SessionStore;
use session_redis::RedisStore;
use session_tiered::TieredStore;

/// Each node has a cache of its own.
fn opened(store: RedisStore) -> Arc<dyn SessionStore> {
    Arc::new(TieredStore::new(store))
}

/// One server.
mod standalone {
    session_conformance::tests!(crate::topology::Standalone);
}

/// A primary and its replicas under Sentinel.
mod sentinel {
    session_conformance::tests!(crate::topology::UnderSentinel);
}

/// Three primaries with replicas.
mod cluster {
    session_conformance::tests!(crate::topology::InCluster);
}
