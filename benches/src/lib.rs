//! The performance claims of this workspace, measured against references in the same run.
//!
//! - The subjects are [`algebra`], [`codecs`], [`formats`], [`memory`], [`redis`], [`tiered`], [`visible`], and the
//!   [`peers`]. The Criterion benches in `benches/` time the same subjects.
//! - [`in_turn`] measures them, for as long as an [`effort`] allows.
//! - [`claims`] has one module per claimed subject, which returns [`section`]s of [`claim`]s.
//! - The binary `report` runs all of them, and [`report`] writes the results.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "a benchmark measures, and one that cannot run must not go on"
)]

pub mod algebra;
mod as_is;
pub mod claim;
pub mod claims;
pub mod codecs;
pub mod effort;
pub mod fan_out;
pub mod footprint;
pub mod formats;
pub mod in_turn;
pub mod memory;
pub mod peers;
mod plain;
pub mod redis;
pub mod report;
pub mod section;
mod sessions;
pub mod study;
mod tapped;
mod threads;
pub mod tiered;
pub mod visible;
mod zipf;

pub use as_is::{AsIs, AsIsHasher};
pub use sessions::{create, op, ready, scalars, shuffle};
pub use tapped::Tapped;
pub use threads::{Batches, elapsed, timed, timed_from};
pub use zipf::Zipf;
