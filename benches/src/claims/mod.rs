//! What is claimed, one module for each thing that is measured.

pub mod algebra;
pub mod codecs;
pub mod memory;
pub mod redis;
pub mod tiered_hit;
pub mod visible;

use crate::{effort::Effort, section::Section};

/// A section by its name.
pub type Measure = (&'static str, fn(Effort) -> Section);

/// The sections of the report, in its order.
pub const ALL: &[Measure] = &[
    ("algebra", algebra::section),
    ("codecs", codecs::section),
    ("memory", memory::section),
    ("redis", redis::section),
    ("tiered-hit", tiered_hit::section),
    ("visible", visible::section),
];
