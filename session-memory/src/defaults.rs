//! Every default of this crate in one table. The defaults for deadlines, limits and tombstones are those of
//! [`session_core::defaults`].
//!
//! | name | value | what changing it costs |
//! |---|---|---|
//! | [`PARTITIONS`] | 1,024 | more: 128 bytes each, and a sweep takes more locks; fewer: more contention between calls |
//! | [`CAPACITY`] | unlimited | a limit: one counter that all creates and destroys share |
//! | [`SUBSCRIBER_BUFFER`] | 8,192 items | more: more memory for each slow subscriber; fewer: it receives a gap sooner |

/// The number of shards, which are also the partitions of the feed.
pub const PARTITIONS: u32 = 1_024;
/// The largest number of live sessions.
pub const CAPACITY: Option<usize> = None;
/// How many items may be queued for one subscriber of the feed.
pub const SUBSCRIBER_BUFFER: usize = 8_192;
