//! How long a session lives, as scripts and the index reckon it.

use session_core::{
    Expiry,
    model::{Deadlines, Timestamp},
};

use crate::meta::{millis, put};

/// A session without an absolute deadline is listed for so many idle timeouts at a time; when a renewal would outlive
/// that, the index is told first. More: fewer such trips, and an entry of a session that was left alone stays longer.
const LISTED_IDLES: u64 = 4;

/// In milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// The idle timeout plus one; 0 for none.
    timeout: u64,
    /// From now to the absolute deadline; 0 for none.
    lifetime: u64,
}

impl Lifetimes {
    /// Of a session that starts now.
    pub(crate) fn of(expiry: Expiry) -> Self {
        Self::left(expiry.start(Timestamp::default()), Timestamp::default())
    }

    /// Of a session with these deadlines.
    pub(crate) fn left(deadlines: Deadlines, now: Timestamp) -> Self {
        Self {
            timeout: deadlines.idle_timeout().map_or(0, |timeout| millis(timeout) + 1),
            lifetime: deadlines.absolute().map_or(0, |absolute| millis(absolute.since(now))),
        }
    }

    /// Of a session that is to be listed for so long.
    pub(crate) fn at_least(left: u64) -> Self {
        Self { timeout: left.saturating_add(1), lifetime: 0 }
    }

    /// For how long the index lists it.
    pub(crate) fn listed(self) -> u64 {
        let span =
            if self.lifetime > 0 { self.lifetime } else { self.timeout.saturating_sub(1).saturating_mul(LISTED_IDLES) };
        span.clamp(1, Timestamp::MAX.as_millis())
    }

    /// How soon it can end by itself at the earliest.
    pub(crate) fn shortest(self) -> u64 {
        match (self.timeout, self.lifetime) {
            (0, lifetime) => lifetime,
            (timeout, 0) => timeout - 1,
            (timeout, lifetime) => lifetime.min(timeout - 1),
        }
    }

    /// As scripts read it.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        put::<7>(out, self.timeout);
        put::<7>(out, self.lifetime);
    }
}
