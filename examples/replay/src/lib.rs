//! A shop's traffic, from a recorded trace or from a generator, as a plan of requests with the result it must have.
//!
//! The program `replay` runs such a plan against a session store; the benches take their workloads from here. The
//! feature `traces` adds reading of recorded traces.

pub mod plan;
pub mod trace;
