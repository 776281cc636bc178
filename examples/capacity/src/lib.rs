//! What a deployment of the tiered store over Redis needs, computed: pure functions from a [`Workload`], [`Limits`] and
//! measured [`Constants`] to an [`Estimate`].
//!
//! | module | computes |
//! |---|---|
//! | [`popularity`] | how requests are spread over sessions: Zipf's law, in classes of ranks |
//! | [`hits`] | which share of the loads a node answers by itself |
//! | [`traffic`] | what reaches the servers in a second, by operation, and what the servers send |
//! | [`resources`] | what that takes of each resource, of one primary or one node, and the limit |
//! | `touches` | how often deadlines are renewed |
//! | [`breaks`] | which of them reaches its limit first, and at how many times the service |
//! | [`advice`] | what to do about it, in words |
//!
//! Rates are per second, sizes in bytes, and times in seconds, but for processor time of single operations, which is in
//! microseconds (`_us`). Counts are `f64`, so that a service can be scaled by any factor. "Server" is a primary:
//! replicas take the same memory and apply the same writes, and are not counted.
//!
//! # What is left out
//! Replication, persistence and copy-on-write, TLS, latency of the network, fragmentation, buffers and memory of
//! connections, look-ups of a cluster's slots, and the nodes' own work but for hearing of changes. Requests are
//! supposed to be independent of each other: users who come back within minutes are answered locally more often than
//! computed, where their requests go to one node. Rates are those of the peak. The section `fan_out` of the benches'
//! report calls [`server_cpu`](resources::server_cpu) for what it measures of real servers, and claims how near they
//! are.

pub mod advice;
pub mod breaks;
mod constants;
mod estimate;
pub mod hits;
mod invalid;
pub mod popularity;
pub mod resources;
mod touches;
pub mod traffic;
mod workload;

pub use constants::Constants;
pub use estimate::{Estimate, estimate};
pub use invalid::Invalid;
pub use workload::{Limits, Routing, Topology, Workload};
