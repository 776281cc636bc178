//! The counters of a store.

/// The contents and the history of a store. The shards are counted one after the other, so the sums are exact only
/// while nothing changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Sessions, including expired ones that are not swept yet.
    pub sessions: usize,
    /// Tombstones of ended sessions.
    pub tombstones: usize,
    /// Old ids that forward to a session or answer `Superseded`.
    pub forwards: usize,
    /// Principals that have sessions.
    pub principals: usize,
    /// Subscribers of the change feed.
    pub subscribers: usize,
    /// Ended sessions, tombstones and forwards removed since the store was built.
    pub swept: u64,
    /// Creates and rotations refused for lack of capacity since the store was built.
    pub refused: u64,
}
