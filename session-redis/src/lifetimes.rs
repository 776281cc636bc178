//! How long a session lives, as scripts and the index count it.

use session_core::{
    Expiry,
    model::{Deadlines, Timestamp},
};

use crate::protocol::{millis, put};

/// A session is listed for this many idle timeouts at a time, and at most until its absolute deadline. When a renewal
/// would outlive that, the session is listed again first: once in each idle timeout that it is in use. An entry that was
/// lost, because the primary of the list lost its last writes, comes back then.
const LISTED_TIMEOUTS: u64 = 2;

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
        let until_renewal = self.timeout.saturating_sub(1).saturating_mul(LISTED_TIMEOUTS);
        let span = match (self.timeout, self.lifetime) {
            (0, lifetime) => lifetime,
            (_, 0) => until_renewal,
            (_, lifetime) => until_renewal.min(lifetime),
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
