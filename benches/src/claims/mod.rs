//! What is claimed, one module for each thing that is measured.

pub mod algebra;
pub mod codecs;
pub mod fan_out;
pub mod footprint;
pub mod hit_rate;
pub mod memory;
pub mod redis;
pub mod tiered_hit;
pub mod visible;

use std::path::Path;

use crate::{effort::Effort, section::Section, study::workload::Unreadable};

/// A section by its name. What measures it takes a recorded trace, if there is one.
pub type Measure = (&'static str, fn(Effort, Option<&Path>) -> Result<Section, Unreadable>);

/// The sections of the report, in its order.
pub const ALL: &[Measure] = &[
    ("algebra", |effort, _| Ok(algebra::section(effort))),
    ("codecs", |effort, _| Ok(codecs::section(effort))),
    ("memory", |effort, _| Ok(memory::section(effort))),
    ("redis", |effort, _| Ok(redis::section(effort))),
    ("tiered-hit", |effort, _| Ok(tiered_hit::section(effort))),
    ("hit-rate", hit_rate::section),
    ("visible", |effort, _| Ok(visible::section(effort))),
    ("fan-out", |effort, _| Ok(fan_out::section(effort))),
    ("footprint", |effort, _| Ok(footprint::section(effort))),
];
