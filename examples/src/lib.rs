//! What the examples of the session workspace and its benches share: traffic that is read or made, and a model of what a
//! deployment needs. The examples are in `examples/`. This library also runs the snippets of the README as tests.

pub mod capacity;
pub mod plan;
pub mod trace;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
