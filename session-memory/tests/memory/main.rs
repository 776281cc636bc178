//! What is particular to this backend. The contract that it shares with all others is the conformance suite's.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod capacity;
mod caps;
mod feed;
mod given;
mod index;
mod setup;
mod sweep;
mod threads;
