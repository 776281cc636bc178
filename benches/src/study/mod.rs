//! The share of loads that local caches answer: several nodes on one store, driven by a trace or by a generator, in
//! simulated time.
//!
//! A run has one client, whose requests come one after another and evenly spaced. Each is a load, and an update if it
//! writes. All nodes have received a change before the next request comes; [`concurrent`] measures the effect of
//! concurrent changes. Every load of a run counts, starting with empty caches.

pub mod belady;
pub mod ceiling;
pub mod cells;
pub mod concurrent;
pub mod fleet;
pub mod lru;
pub mod routing;
pub mod sweeps;
pub mod workload;
