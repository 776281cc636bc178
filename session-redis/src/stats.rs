//! The counters of a store.

use crate::store_inner::StoreInner;

/// Counters since the store was connected, over all its handles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls in flight now.
    pub in_flight: usize,
    /// Connections to a primary that replaced a lost one.
    pub reconnects: u64,
    /// Calls that reached their deadline.
    pub timeouts: u64,
    /// Redirections of a cluster (MOVED and ASK) that were followed.
    pub redirections: u64,
    /// Requests that were sent again, after a pause or on a new connection.
    pub resends: u64,
    /// Calls that were refused because too many were in flight.
    pub overloaded: u64,
    /// Connections that were closed because nothing came over them.
    pub half_open: u64,
    /// Connections that were given up because their server was no longer a primary.
    pub demoted: u64,
    /// Destroys that were sent again after a primary was regained.
    pub destroys_repeated: u64,
    /// Destroyed sessions that were back after a failover or restart, and were ended again: acknowledged destroys that
    /// the servers had lost.
    pub destroys_undone: u64,
    /// Destroys that were forgotten before their minute was over, because more than 8,192 pairs of a destroy and an id of
    /// its session were acknowledged in that time. If the servers lose these, they are not repeated.
    pub destroys_forgotten: u64,
    /// Changes that were stored but not published, because the permission to publish was revoked after the store had
    /// connected. Other nodes notice each as a gap in the feed.
    pub unpublished: u64,
    /// Sign-ins after which the principal still had more sessions than its `EndOldest` cap, because there were too many to
    /// end in one call or because a server failed. The next sign-in ends more of them.
    pub caps_exceeded: u64,
}

impl Stats {
    pub(crate) fn of(store: &StoreInner) -> Self {
        let (net, destroys) = (store.net.stats(), &store.recent_destroys);
        Self {
            in_flight: store.net.in_flight(),
            reconnects: net.reconnects.get(),
            timeouts: net.timeouts.get(),
            redirections: net.redirections.get(),
            resends: net.resends.get(),
            overloaded: net.overloaded.get(),
            half_open: net.half_open.get(),
            demoted: net.demoted.get(),
            destroys_repeated: destroys.repeated.get(),
            destroys_undone: destroys.undone.get(),
            destroys_forgotten: destroys.forgotten.get(),
            unpublished: store.unpublished.count(),
            caps_exceeded: store.caps_exceeded.get(),
        }
    }
}
