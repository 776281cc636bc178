//! The Redis store keeps every promise, with every capability, on each topology.

#[macro_use]
mod topology;
mod guarded_server;

use std::sync::Arc;

use session_core::store::SessionStore;
use session_redis::RedisStore;

/// The store itself.
fn opened(store: RedisStore) -> Arc<dyn SessionStore> {
    Arc::new(store)
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

/// One server, mutual TLS, a user with the least permissions.
mod guarded {
    session_conformance::tests!(crate::guarded_server::OverTlsWithLeastPermissions);
}
