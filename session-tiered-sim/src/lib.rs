//! Not published. The sources of session-tiered with two additions for tests, which its users never get:
//!
//! - a deterministic eviction policy in place of moka, which has threads and a clock of its own;
//! - mistakes that can be switched on, one for a node: see [`Mutant`].
//!
//! The build script copies the sources and patches the copy (`build/patches.rs`), so session-tiered itself has no trace of
//! either. Without a mutant, and apart from eviction, the behaviour is that of session-tiered.

#![allow(dead_code, reason = "the policy that is replaced is not used")]

mod check_then_insert;
mod first_in_first_out;
mod mutant;

pub use mutant::Mutant;

include!(concat!(env!("OUT_DIR"), "/lib.rs"));
