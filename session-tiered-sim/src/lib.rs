//! Not published. The sources of session-tiered with three changes for tests, which its users never get:
//!
//! - a deterministic eviction policy in place of moka, which has threads and a clock of its own;
//! - a fixed key for hashes, so that the order of a table's entries is the same in each run;
//! - mistakes that can be switched on, one for a node: see [`Mutant`].
//!
//! The build script copies the sources and patches the copy (`build/patches.rs`), so session-tiered itself has no trace of
//! them. Without a mutant, and apart from eviction, the behaviour is that of session-tiered.

#![allow(dead_code, reason = "the policy that is replaced is not used")]

mod check_then_insert;
mod first_in_first_out;
mod mutant;

pub use mutant::Mutant;

include!(concat!(env!("OUT_DIR"), "/lib.rs"));
