//! Caches of several nodes in front of real servers, over links that fail: every invariant, seen from the outside.
//!
//! A bound is asserted as it is promised: a read that began longer than `max_staleness` after a write was acknowledged,
//! on the same clock, is not answered from an older state. On a slow machine such reads begin later, and nothing else
//! changes. Everything but that bound is waited for by events.
//!
//! A scenario takes the way in which a node is built, so that the same scenario shows the promise kept, and broken by a
//! mechanism that is broken on purpose: see `mutants`.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod cache;
mod node;
mod split;
mod watch;

mod absent;
mod bound;
mod deadlines;
mod ends;
mod failover;
mod fills;
mod floors;
mod gaps;
mod heartbeat;
mod outage;
mod own;
mod patches;
mod slot_move;
mod soak;

mod mutants;

use session_testkit::{until, within};
