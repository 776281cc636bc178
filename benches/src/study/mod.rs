//! What share of the loads local caches answer: several nodes on one store, driven by a trace or by a generator, in
//! simulated time.
//!
//! A run is one client, whose requests come one after another and evenly spaced; each is a load, and an update if it
//! writes. All nodes have heard of a change before the next request comes: what changes under way do to hits is
//! measured by [`concurrent`]. Every load of a run counts, from empty caches on.

pub mod belady;
pub mod ceiling;
pub mod cells;
pub mod concurrent;
pub mod fleet;
pub mod lru;
pub mod routing;
pub mod sweeps;
pub mod workload;
