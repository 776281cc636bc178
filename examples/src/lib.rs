//! What the examples of the session workspace and its benches share; the examples are in `examples/`. This library also
//! runs the snippets of the README as tests.

pub mod capacity;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
