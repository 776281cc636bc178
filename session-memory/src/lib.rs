//! Placeholder.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod cap;
mod data;
mod feed;
mod index;
mod lock;
mod queue;
mod revoke;
mod shard;
mod stats;
mod store;
mod sweep;

pub use builder::MemoryStoreBuilder;
pub use stats::Stats;
pub use store::MemoryStore;
