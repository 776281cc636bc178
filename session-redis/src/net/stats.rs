//! What the connection layer went through.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// Connections to a primary that took the place of a lost one.
    pub(crate) reconnects: Counter,
    /// Calls that ran into their deadline.
    pub(crate) timeouts: Counter,
    /// MOVED and ASK answers that were followed.
    pub(crate) redirections: Counter,
    /// Requests that were sent once more, after a pause or on a new connection.
    pub(crate) resends: Counter,
    /// Calls refused since too many were under way.
    pub(crate) overloaded: Counter,
    /// Connections given up since nothing came over them any more.
    pub(crate) half_open: Counter,
    /// Connections given up since their server was no primary any more.
    pub(crate) demoted: Counter,
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// Its value now.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
