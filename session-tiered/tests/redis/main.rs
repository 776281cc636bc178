//! Caches of several nodes in front of real servers, with failing links: every invariant, seen from the outside.
//!
//! The bound is asserted as it is guaranteed: a read that began longer than `max_staleness` after a write was acknowledged, on
//! the same clock, is not answered from an older state. On a slow machine such reads begin later, and nothing else changes.
//! All other waits are for events.
//!
//! A scenario takes the cache of the node under test, so that the same scenario shows that a sound cache keeps a guarantee and
//! that a cache with a mistake violates it: see `mutants`.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod cache;
mod cut_off;
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
mod forged;
mod full;
mod gaps;
mod heartbeat;
mod outage;
mod own;
mod patches;
mod renewed;
mod runtimes;
mod slot_move;
mod soak;

mod mutants;

use session_testkit::{until, within};
