//! What a store went through.

use crate::inner::Inner;

/// Counters since the store was connected, over all its handles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls under way.
    pub in_flight: usize,
    /// Connections to a primary that took the place of a lost one.
    pub reconnects: u64,
    /// Calls that ran into their deadline.
    pub timeouts: u64,
    /// Redirections of a cluster that were followed.
    pub redirections: u64,
    /// Requests that were sent once more.
    pub resends: u64,
    /// Calls that were refused since too many were under way.
    pub overloaded: u64,
    /// Connections that were given up since nothing came over them any more.
    pub half_open: u64,
    /// Connections that were given up since their server was no primary any more.
    pub demoted: u64,
    /// Destroys that were sent again after a primary was regained.
    pub destroys_repeated: u64,
    /// Sessions that had been destroyed, were back after a failover or restart, and were ended again: acknowledged
    /// destroys that the servers had lost.
    pub destroys_undone: u64,
    /// Destroys of the last minute that made room for others: more than 8,192 were acknowledged within one minute. Should
    /// the servers lose these, they are not repeated.
    pub destroys_forgotten: u64,
}

impl Stats {
    pub(crate) fn of(inner: &Inner) -> Self {
        let net = inner.net.stats();
        Self {
            in_flight: inner.net.in_flight(),
            reconnects: net.reconnects.get(),
            timeouts: net.timeouts.get(),
            redirections: net.redirections.get(),
            resends: net.resends.get(),
            overloaded: net.overloaded.get(),
            half_open: net.half_open.get(),
            demoted: net.demoted.get(),
            destroys_repeated: inner.recent.repeated(),
            destroys_undone: inner.recent.undone(),
            destroys_forgotten: inner.recent.forgotten(),
        }
    }
}
