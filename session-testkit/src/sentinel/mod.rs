//! A primary that sentinels watch.

mod builder;
mod start;
mod trio;

pub use builder::SentinelTrioBuilder;
pub use trio::SentinelTrio;
