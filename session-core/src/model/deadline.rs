//! When a session ends by itself.

use std::{num::NonZeroU64, time::Duration};

use crate::{clock::millis, defaults, model::Timestamp};

/// How long a session lives: while it is used (idle), in all (absolute), or both. There is no session without a
/// deadline. Durations are rounded up to a millisecond and are at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    idle: Option<Duration>,
    absolute: Option<Duration>,
}

impl Expiry {
    /// Ends when unused for this long.
    pub const fn idle(idle: Duration) -> Self {
        Self { idle: Some(idle), absolute: None }
    }

    /// Ends this long after it was created, used or not.
    pub const fn absolute(absolute: Duration) -> Self {
        Self { idle: None, absolute: Some(absolute) }
    }

    /// Ends when unused for `idle`, and `absolute` after it was created in any case.
    pub const fn both(idle: Duration, absolute: Duration) -> Self {
        Self { idle: Some(idle), absolute: Some(absolute) }
    }

    /// The deadlines of a session that begins at `now`.
    pub fn start(self, now: Timestamp) -> Deadlines {
        let end = |absolute| now.after(at_least_a_millisecond(absolute)).min(LATEST);
        let absolute = self.absolute.map_or(Timestamp::MAX, end);
        let deadlines = Deadlines { idle_timeout: None, idle: Timestamp::MAX, absolute };
        match self.idle {
            None => deadlines,
            Some(idle) => {
                let idle = at_least_a_millisecond(idle);
                Deadlines {
                    idle_timeout: Some(IdleTimeout::new(idle)),
                    idle: now.after(idle).min(absolute),
                    ..deadlines
                }
            }
        }
    }
}

impl Default for Expiry {
    /// [`defaults::IDLE`] and [`defaults::ABSOLUTE`].
    fn default() -> Self {
        Self::both(defaults::IDLE, defaults::ABSOLUTE)
    }
}

/// The latest absolute deadline. One moment later means that there is none.
const LATEST: Timestamp = Timestamp::from_millis(Timestamp::MAX.as_millis() - 1);

fn at_least_a_millisecond(duration: Duration) -> Duration {
    duration.max(Duration::from_millis(1))
}

/// At most the latest moment, in milliseconds, plus one: a number that is never zero, so that none at all takes no room of its own in each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct IdleTimeout(NonZeroU64);

impl IdleTimeout {
    fn new(timeout: Duration) -> Self {
        Self(NonZeroU64::MIN.saturating_add(millis(timeout).min(Timestamp::MAX.as_millis())))
    }

    fn millis(self) -> u64 {
        self.0.get() - 1
    }
}

/// The deadlines of a session, on its store's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// In milliseconds; `None` when the session has no idle deadline.
    idle_timeout: Option<IdleTimeout>,
    /// `Timestamp::MAX` without an idle timeout, and never after `absolute`.
    idle: Timestamp,
    absolute: Timestamp,
}

impl Deadlines {
    /// Deadlines as a store holds them: the idle timeout with the idle deadline, and the absolute deadline, which may
    /// also be [`Timestamp::MAX`] for none.
    ///
    /// `None` if there is neither: what a store must treat as a record that cannot be read.
    pub fn from_parts(idle: Option<(Duration, Timestamp)>, absolute: Option<Timestamp>) -> Option<Self> {
        let absolute = absolute.unwrap_or(Timestamp::MAX);
        if idle.is_none() && absolute == Timestamp::MAX {
            return None;
        }
        Some(Self {
            idle_timeout: idle.map(|(timeout, _)| IdleTimeout::new(timeout)),
            idle: idle.map_or(Timestamp::MAX, |(_, deadline)| deadline.min(absolute)),
            absolute,
        })
    }

    /// How long the session may stay unused, if that is limited.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout.map(|timeout| Duration::from_millis(timeout.millis()))
    }

    /// When the session ends unless it is used before.
    pub fn idle(&self) -> Option<Timestamp> {
        self.idle_timeout.map(|_| self.idle)
    }

    /// When the session ends in any case.
    pub fn absolute(&self) -> Option<Timestamp> {
        (self.absolute < Timestamp::MAX).then_some(self.absolute)
    }

    /// The earlier of the two.
    pub fn expires_at(&self) -> Timestamp {
        self.idle.min(self.absolute)
    }

    /// Whether the session has ended: at its deadline it has.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at()
    }

    /// The time that is left.
    pub fn remaining(&self, now: Timestamp) -> Duration {
        self.expires_at().since(now)
    }

    /// These deadlines after a use at `now`: idle := min(absolute, max(idle, now + timeout)). `idle` replaces the
    /// session's own timeout for this once. A renewal never shortens, and does nothing to a session without an idle
    /// deadline.
    #[must_use]
    pub fn renewed(self, now: Timestamp, idle: Option<Duration>) -> Self {
        let Some(own) = self.idle_timeout else { return self };
        let timeout = idle.map_or(own.millis(), millis);
        let renewed = now.after(Duration::from_millis(timeout));
        Self { idle: self.idle.max(renewed).min(self.absolute), ..self }
    }
}
