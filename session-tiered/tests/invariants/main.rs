//! The guarantees of the cache by name, on simulated time: I1 to I10 of `ARCHITECTURE.md`, one file each.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod flood;
mod i01_bounded_staleness;
mod i02_read_your_writes;
mod i03_monotonic_reads;
mod i04_floors;
mod i05_no_stale_fill;
mod i06_no_silent_gap;
mod i07_destroy_wins;
mod i08_patch_in_place;
mod i09_idle_deadlines;
mod i10_no_immortal_copy;
mod misses;
mod outage;
mod revocation;
mod runtimes;
mod self_check;
mod stage;
