//! What is claimed, one module for each thing that is measured.

pub mod algebra;
pub mod codecs;
pub mod fan_out;
pub mod footprint;
pub mod memory;
pub mod redis;
pub mod tiered_hit;
pub mod visible;
