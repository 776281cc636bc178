//! Links that fail.

mod control;
mod cutter;
mod direction;
mod faults;
mod pump;
mod recording;

pub use cutter::LinkCutter;
pub use direction::Direction;
pub use recording::{Exchange, Recording};
