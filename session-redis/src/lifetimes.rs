//! How long a session lives, as scripts and the index count it.

use session_core::{
    Expiry,
    model::{Deadlines, Timestamp},
};

use crate::protocol::{millis, put};

/// A session without an absolute deadline is listed for this many idle timeouts at a time. When a renewal would outlive
/// that, the listing is extended first. More: fewer such round trips, and the entry of an abandoned session stays
/// longer.
const LISTED_TIMEOUTS: u64 = 4;

/// The lifetimes of a session, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// The idle timeout plus one; 0 for none.
    timeout: u64,
    /// From now to the absolute deadline; 0 for none.
    lifetime: u64,
}

impl Lifetimes {
    /// Those of a session that starts now.
    pub(crate) fn of(expiry: Expiry) -> Self {
        Self::left(expiry.start(Timestamp::default()), Timestamp::default())
    }

    /// Those of a session with these deadlines.
    pub(crate) fn left(deadlines: Deadlines, now: Timestamp) -> Self {
        Self {
            timeout: deadlines.idle().map_or(0, |(timeout, _)| millis(timeout) + 1),
            lifetime: deadlines.absolute().map_or(0, |absolute| millis(absolute.since(now))),
        }
    }

    /// Those of a session that must be listed for at least this long.
    pub(crate) fn at_least(left: u64) -> Self {
        Self { timeout: left.saturating_add(1), lifetime: 0 }
    }

    /// How long the index lists the session.
    pub(crate) fn listed(self) -> u64 {
        let span = if self.lifetime > 0 {
            self.lifetime
        } else {
            self.timeout.saturating_sub(1).saturating_mul(LISTED_TIMEOUTS)
        };
        span.clamp(1, Timestamp::MAX.as_millis())
    }

    /// The earliest time at which the session can end by itself.
    pub(crate) fn shortest(self) -> u64 {
        match (self.timeout, self.lifetime) {
            (0, lifetime) => lifetime,
            (timeout, 0) => timeout - 1,
            (timeout, lifetime) => lifetime.min(timeout - 1),
        }
    }

    /// Appends them as scripts read them.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        put::<7>(out, self.timeout);
        put::<7>(out, self.lifetime);
    }
}
