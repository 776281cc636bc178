//! The laws of the model as properties. The reference models are written independently of the crate's code.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod attributes;
mod codec;
mod deadlines;
mod floats;
mod id;
mod json;
mod key;
mod laws;
mod limits;
mod naive;
mod stamp;
mod strategy;
mod wire;
mod wire_golden;
