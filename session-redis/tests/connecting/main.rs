//! Connecting: what a store needs of its runtime and of the server, and what the user is told if that is missing.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod rig;
mod stub;

mod commands;
mod lazy;
mod mistakes;
mod refusing;
mod runtimes;
