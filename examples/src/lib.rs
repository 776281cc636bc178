//! The examples of the session workspace are in `examples/`. This library runs the snippets of the README as tests.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
