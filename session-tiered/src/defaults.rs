//! Every default in one table.
//!
//! | name | value | effect of another value |
//! |---|---|---|
//! | [`MAX_STALENESS`] | 1 s | shorter: more heartbeats, and a shorter outage of the feed sends all loads to the store |
//! | [`MAX_AGE`] | 60 s | shorter: more conditional loads |
//! | [`BEATS`] | 4 per `MAX_STALENESS` | more: more requests, and fewer leases lost when one is late |
//! | [`CAPACITY`] | 64 MiB | less: more loads go to the store |
//! | [`EVICTION`] | least recent | least frequent: sessions no longer in use stay cached, where sessions are short |
//! | [`MAX_COPY_SHARE`] | 256 | more: large sessions are not cached; fewer: few large sessions displace many small ones |
//! | [`MAX_COPY`] | 16 KiB | more: in a small cache, few large sessions displace many small ones |
//! | [`ABSENT_CAPACITY`] | 10,000 ids | less: more loads of ids without a session |
//! | [`FIRST_LOADS`] | 1,024 | more: a flood of unknown ids takes more of the store; fewer: a node that has just started refuses loads sooner |
//! | [`REVALIDATIONS`] | 64 | more: a recovering store gets more requests at once |
//! | [`BREAKER_FAILURES`] | 16 | fewer: a short outage fails calls that would have been answered |
//! | [`BREAKER_PAUSE`] | 250 ms | longer: a recovered store is noticed later |
//! | [`SELF_CHECK`] | 10 s | shorter: more loads |

use std::time::Duration;

use crate::{capacity::Capacity, policy::Eviction};

/// The staleness bound of loads that are answered locally.
pub const MAX_STALENESS: Duration = Duration::from_secs(1);
/// How long a copy is served without the store vouching for it again.
pub const MAX_AGE: Duration = Duration::from_secs(60);
/// Heartbeats per `MAX_STALENESS`.
pub const BEATS: u32 = 4;
/// How much the cache keeps.
pub const CAPACITY: Capacity = Capacity::bytes(64 * 1_024 * 1_024);
/// Which copies are evicted when there is no room for another.
pub const EVICTION: Eviction = Eviction::LeastRecent;
/// A capacity in bytes is divided by this for the size of the largest copy.
pub const MAX_COPY_SHARE: u64 = 256;
/// The least that a capacity in bytes allows for one copy, in bytes.
pub const MAX_COPY: u64 = 16 * 1_024;
/// How many ids without a session the cache remembers.
pub const ABSENT_CAPACITY: u64 = 10_000;
/// How many ids without a copy are loaded at the same time.
pub const FIRST_LOADS: usize = 1_024;
/// How many copies are revalidated at the same time.
pub const REVALIDATIONS: usize = 64;
/// The unanswered calls in a row that open the circuit.
pub const BREAKER_FAILURES: u32 = 16;
/// How long the circuit stays open before a call is let through.
pub const BREAKER_PAUSE: Duration = Duration::from_millis(250);
/// The interval at which a copy is compared with the store.
pub const SELF_CHECK: Duration = Duration::from_secs(10);
