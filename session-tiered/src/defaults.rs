//! Every default in one table.
//!
//! | name | value | what changing it costs |
//! |---|---|---|
//! | [`MAX_STALENESS`] | 1 s | shorter: more heartbeats, and a shorter trouble of the feed sends all loads to the store |
//! | [`MAX_AGE`] | 60 s | shorter: more conditional loads |
//! | [`BEATS`] | 4 in one `MAX_STALENESS` | more: more requests, and fewer leases lost when one is late |
//! | [`CAPACITY`] | 64 MiB | less: more loads go to the store |
//! | [`EVICTION`] | least recent | least frequent: dead sessions stay, where sessions are short |
//! | [`ABSENT_CAPACITY`] | 10,000 ids | less: more loads of ids without a session |
//! | [`REVALIDATIONS`] | 64 | more: a store that comes back gets more requests at once |
//! | [`BREAKER_FAILURES`] | 16 | fewer: a short outage is felt by calls that would have been answered |
//! | [`BREAKER_PAUSE`] | 250 ms | longer: a store that is back is noticed later |
//! | [`SELF_CHECK`] | 10 s | shorter: more conditional loads |

use std::time::Duration;

use crate::{Capacity, Eviction};

/// How long ago a state can have been replaced that a load is answered from locally.
pub const MAX_STALENESS: Duration = Duration::from_secs(1);
/// How long a copy is served without the store having vouched for it.
pub const MAX_AGE: Duration = Duration::from_secs(60);
/// Heartbeats in one `MAX_STALENESS`.
pub const BEATS: u32 = 4;
/// How much is kept.
pub const CAPACITY: Capacity = Capacity::bytes(64 * 1_024 * 1_024);
/// Which copies go when there is no room for another.
pub const EVICTION: Eviction = Eviction::LeastRecent;
/// How many ids without a session are remembered.
pub const ABSENT_CAPACITY: u64 = 10_000;
/// How many copies of ended epochs are compared with the store at once.
pub const REVALIDATIONS: usize = 64;
/// How many unanswered calls in a row open the circuit.
pub const BREAKER_FAILURES: u32 = 16;
/// How long it stays open before a call is let through.
pub const BREAKER_PAUSE: Duration = Duration::from_millis(250);
/// How often a copy is compared with the store.
pub const SELF_CHECK: Duration = Duration::from_secs(10);
