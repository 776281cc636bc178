//! A local cache in front of a session store: coherent across nodes, with a stated staleness bound.
#![forbid(unsafe_code)]

mod breaker;
mod builder;
mod copy;
pub mod defaults;
mod epoch;
#[cfg(feature = "metrics")]
mod export;
mod fill;
mod hash;
mod hearing;
mod inner;
mod keeper;
mod landing;
mod lease;
mod listener;
mod local;
#[cfg(feature = "simulation")]
mod mutant;
mod notes;
mod partition;
#[cfg(feature = "simulation")]
mod queue_policy;
mod reads;
mod revocation;
mod self_check;
mod stats;
mod store;
mod touches;
mod writes;

pub use builder::TieredStoreBuilder;
pub use keeper::Capacity;
#[cfg(feature = "simulation")]
pub use mutant::Mutant;
pub use stats::Stats;
pub use store::TieredStore;
