//! The Redis store keeps every promise, with every capability, on each topology.

mod topology;

/// One server.
mod standalone {
    session_conformance::tests!(crate::topology::Standalone);
}
