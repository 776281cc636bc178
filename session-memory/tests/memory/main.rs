//! The behaviour specific to this backend. The conformance suite checks the contract that all backends share.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod capacity;
mod caps;
mod feed;
mod given;
mod index;
mod setup;
mod sweep;
mod threads;
