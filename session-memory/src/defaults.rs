//! Every default of this crate in one table. Deadlines of sessions, limits and tombstones are those of
//! [`session_core::defaults`].
//!
//! | name | value | what changing it costs |
//! |---|---|---|
//! | [`PARTITIONS`] | 1,024 | more: 128 bytes each, and a sweep has more locks to take; fewer: more calls wait for each other |
//! | [`CAPACITY`] | any number of sessions | a bound: one counter that all creates and destroys share |
//! | [`SUBSCRIBER_BUFFER`] | 8,192 items | more: more memory for each subscriber that is held up; fewer: it has a gap sooner |

/// How many shards there are, which are also the partitions of the feed.
pub const PARTITIONS: u32 = 1_024;
/// How many live sessions there may be.
pub const CAPACITY: Option<usize> = None;
/// How many items wait for one subscriber of the feed.
pub const SUBSCRIBER_BUFFER: usize = 8_192;
