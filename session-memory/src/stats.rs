//! What is in a store.

/// What a store holds and has done, counted shard by shard, so that it is exact only while nothing changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Sessions, those included that have expired and are not swept yet.
    pub sessions: usize,
    /// Ids whose sessions were ended, as long as that is remembered.
    pub tombstones: usize,
    /// Old ids of sessions that have moved.
    pub forwards: usize,
    /// Principals that have sessions.
    pub principals: usize,
    /// Subscribers of the change feed.
    pub subscribers: usize,
    /// Ended sessions, tombstones and forwards that were removed since the store was made.
    pub swept: u64,
    /// Creates that were refused for want of capacity since the store was made.
    pub refused: u64,
}
