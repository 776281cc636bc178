//! The parts of the report.

pub mod hit_rate;
