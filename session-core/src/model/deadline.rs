//! The deadlines of a session.

use std::{num::NonZeroU64, time::Duration};

use crate::{clock::millis, defaults, model::Timestamp};

/// How long a session lives: while it stays unused (idle), in total (absolute), or both. Every session has a deadline.
/// Durations are rounded up to a millisecond and are at least one millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    idle: Option<Duration>,
    absolute: Option<Duration>,
}

impl Expiry {
    /// The session ends when it is unused for this long.
    pub const fn idle(idle: Duration) -> Self {
        Self { idle: Some(idle), absolute: None }
    }

    /// The session ends this long after it was created, whether it is used or not.
    pub const fn absolute(absolute: Duration) -> Self {
        Self { idle: None, absolute: Some(absolute) }
    }

    /// The session ends when it is unused for `idle`, and in any case `absolute` after it was created.
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

/// The latest absolute deadline. One millisecond later means that there is no absolute deadline.
const LATEST: Timestamp = Timestamp::from_millis(Timestamp::MAX.as_millis() - 1);

fn at_least_a_millisecond(duration: Duration) -> Duration {
    duration.max(Duration::from_millis(1))
}

/// The timeout in milliseconds, at most that of the latest moment, plus one. The number is never zero, so an absent
/// timeout takes no extra room in a record.
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
    /// Deadlines as a store holds them: the idle timeout with the idle deadline, and the absolute deadline. An absolute
    /// deadline of [`Timestamp::MAX`] also means none.
    ///
    /// Returns `None` if there is neither. A store must treat such a record as unreadable.
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

    /// How long the session may stay unused, and when it ends unless it is used before; `None` if that is not limited.
    pub fn idle(&self) -> Option<(Duration, Timestamp)> {
        self.idle_timeout.map(|timeout| (Duration::from_millis(timeout.millis()), self.idle))
    }

    /// When the session ends in any case.
    pub fn absolute(&self) -> Option<Timestamp> {
        (self.absolute < Timestamp::MAX).then_some(self.absolute)
    }

    /// The earlier of the two. At that moment the session has ended.
    #[inline]
    pub fn expires_at(&self) -> Timestamp {
        self.idle.min(self.absolute)
    }

    /// The remaining time.
    pub(crate) fn remaining(&self, now: Timestamp) -> Duration {
        self.expires_at().since(now)
    }

    /// These deadlines after a use at `now`: idle := min(absolute, max(idle, now + timeout)). `idle` replaces the
    /// session's own timeout for this use only. A renewal never shortens a deadline. It has no effect on a session
    /// without an idle deadline.
    #[must_use]
    pub fn renewed(self, now: Timestamp, idle: Option<Duration>) -> Self {
        let Some(own) = self.idle_timeout else { return self };
        let timeout = idle.map_or(own.millis(), millis);
        let renewed = now.after(Duration::from_millis(timeout));
        Self { idle: self.idle.max(renewed).min(self.absolute), ..self }
    }
}
