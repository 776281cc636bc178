//! Every default of this crate in one table. The defaults for deadlines, limits and tombstones are those of
//! [`session_core::defaults`].
//!
//! | name | value | what changing it costs |
//! |---|---|---|
//! | [`PARTITIONS`] | 1,024 | more: 128 bytes each, and a sweep takes more locks; fewer: more contention between calls |
//! | [`CAPACITY`] | 1,000,000 sessions | larger: clients that create sessions can make the process take more memory; smaller: new visitors are refused earlier |
//! | [`ENDED_CAPACITY`] | 1,000,000 | larger: the same, for sessions that are created and ended; smaller: creates are refused at a lower rate of sign-outs |
//! | [`SUBSCRIBER_BUFFER`] | 8,192 items | more: more memory for each slow subscriber; fewer: it receives a gap sooner |

/// The number of shards, which are also the partitions of the feed.
pub const PARTITIONS: u32 = 1_024;
/// The largest number of live sessions. With small sessions that is about 600 MB, and more sessions than one process
/// usually has users; without a limit, clients without an account could make the process take all memory.
pub const CAPACITY: usize = 1_000_000;
/// The number of tombstones and forwards from which creates are refused. They take about 160 MB. With tombstones of ten
/// minutes, it is reached by 1,600 sign-outs a second.
pub const ENDED_CAPACITY: usize = 1_000_000;
/// How many items may be queued for one subscriber of the feed.
pub const SUBSCRIBER_BUFFER: usize = 8_192;
