//! The claims, one module for each subject.

pub mod algebra;
pub mod codecs;
pub mod fan_out;
pub mod footprint;
mod formats;
pub mod hit_rate;
pub mod memory;
pub mod redis;
mod renewal;
pub mod tiered_hit;
pub mod visible;

use std::path::Path;

use crate::{effort::Effort, section::Section, study::workload::Unreadable};

/// A program that sections start.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// The environment variable that names another program to use instead.
    pub setting: &'static str,
}

const SERVER: Program = Program { name: "redis-server", setting: "REDIS_SERVER_BIN" };
const BENCHMARK: Program = Program { name: "redis-benchmark", setting: "REDIS_BENCHMARK_BIN" };

/// A section of the report.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Its name.
    pub name: &'static str,
    /// The programs that it starts.
    pub needs: &'static [Program],
    /// Whether it uses a recorded trace.
    pub takes_trace: bool,
    /// The function that measures it.
    pub measure: fn(Effort, Option<&Path>) -> Result<Section, Unreadable>,
}

impl Measure {
    const fn new(
        name: &'static str,
        needs: &'static [Program],
        measure: fn(Effort, Option<&Path>) -> Result<Section, Unreadable>,
    ) -> Self {
        Self { name, needs, takes_trace: false, measure }
    }
}

/// The name of the section that also measures the constants of the capacity model.
pub const FAN_OUT: &str = "fan-out";

/// The sections of the report, in its order.
pub const ALL: &[Measure] = &[
    Measure::new("algebra", &[], |effort, _| Ok(algebra::section(effort))),
    Measure::new("codecs", &[], |effort, _| Ok(codecs::section(effort))),
    Measure::new("memory", &[], |effort, _| Ok(memory::section(effort))),
    Measure::new("redis", &[SERVER, BENCHMARK], |effort, _| Ok(redis::section(effort))),
    Measure::new("tiered-hit", &[SERVER], |effort, _| Ok(tiered_hit::section(effort))),
    Measure { takes_trace: true, ..Measure::new("hit-rate", &[], hit_rate::section) },
    Measure::new("visible", &[SERVER], |effort, _| Ok(visible::section(effort))),
    Measure::new(FAN_OUT, &[SERVER], |effort, _| Ok(fan_out::section(effort))),
    Measure::new("footprint", &[SERVER], |effort, _| Ok(footprint::section(effort))),
];
