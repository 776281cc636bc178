//! The Redis store keeps every promise, with every capability, on each topology.

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

/// One server, mutual TLS, a user with the least permissions.
mod guarded {
    session_conformance::tests!(crate::topology::OverTlsWithLeastPermissions);
}
