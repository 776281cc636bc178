//! The examples of the session workspace are in `examples/`. This library reads and makes the traffic that some of them,
//! and the benchmarks, drive through stores; and it runs the snippets of the README as tests.

pub mod plan;
pub mod trace;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
