//! Computes what a deployment of the tiered store over Redis needs: pure functions from a [`Workload`], [`Limits`] and
//! measured [`Constants`] to an [`Estimate`].
//!
//! | module | computes |
//! |---|---|
//! | [`popularity`] | the distribution of requests over sessions: Zipf's law, in classes of ranks |
//! | [`hits`] | the share of loads that a node answers from its cache |
//! | [`traffic`] | the operations per second that reach the servers, and the messages that they send |
//! | [`resources`] | the use of each resource of one primary or one node, and its limit |
//! | `touches` | the rate at which deadlines are renewed |
//! | [`breaks`] | the resource that reaches its limit first, and the growth that it allows |
//! | [`advice`] | recommendations, in words |
//!
//! Rates are per second, sizes in bytes and times in seconds, except the processor time of single operations, which is
//! in microseconds (`_us`). Counts are `f64`, so that a service can be scaled by any factor. A "server" is a primary:
//! replicas use the same memory and apply the same writes, and are not counted.
//!
//! # What is left out
//! The model leaves out replication, persistence and copy-on-write, TLS, network latency, fragmentation, buffers and
//! memory of connections, look-ups of cluster slots, and all work of the nodes except receiving changes. It assumes that
//! requests are independent. Users who return within minutes hit the local cache more often than computed if their
//! requests go to one node. Rates are peak rates. The section `fan_out` of the benches' report compares
//! [`server_cpu`](resources::server_cpu) with real servers and claims how close they are.

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
