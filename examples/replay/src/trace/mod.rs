//! Where the traffic comes from: the generator or, with the feature `traces`, a recorded trace. Both tell a [`Planner`]
//! what happens.

mod generator;
#[cfg(feature = "traces")]
mod orm;
#[cfg(feature = "traces")]
mod recorded;
#[cfg(feature = "traces")]
mod retail;
mod rng;

use crate::plan::Planner;

#[cfg(feature = "traces")]
pub use recorded::{TraceError, read};
pub use rng::Rng;

/// Plans this many generated requests and returns the name of the traffic.
pub fn generate(requests: u32, seed: u64, planner: &mut Planner) -> &'static str {
    generator::plan(requests, seed, planner);
    "generated"
}
