//! The cache in front of Redis keeps every promise of a store, with every capability, on each topology.

mod topology;

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
