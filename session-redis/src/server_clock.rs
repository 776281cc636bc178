//! What the store knows of a server's clock.

use parking_lot::Mutex;
use session_core::model::Timestamp;

use crate::net::Deadline;

/// An estimate of the clock of a server: for each partition from the answer to its last update, and for partitions without
/// one from the time at which the store connected.
///
/// An update uses it to name the last moment at which it may be applied. The answered call began before the server read
/// its clock, so the estimate is ahead of that clock by at most the duration of a call. It is behind only if the clock
/// has jumped since, or if the partition is now on another server. An update that is refused for that reason returns the
/// right time, and is sent again.
#[derive(Debug, Default)]
pub(crate) struct ServerClock(Mutex<Option<(tokio::time::Instant, Timestamp)>>);

impl ServerClock {
    /// A server has answered that its clock showed `now`, in the call with this deadline.
    pub(crate) fn observe(&self, call: Deadline, now: Timestamp) {
        *self.0.lock() = Some((call.began(), now));
    }

    /// The time on the server at the deadline of a call, if it has answered before.
    pub(crate) fn at_the_end_of(&self, call: Deadline) -> Option<Timestamp> {
        let (began, now) = (*self.0.lock())?;
        Some(now.after(call.instant().saturating_duration_since(began)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_at_a_deadline_counts_from_the_beginning_of_the_call_that_was_answered() {
        let (clock, limit) = (ServerClock::default(), Duration::from_millis(200));
        let first = Deadline::after(limit);
        assert_eq!(clock.at_the_end_of(first), None, "nothing is known before the first answer");
        tokio::time::advance(Duration::from_millis(50)).await;
        clock.observe(first, Timestamp::from_millis(7_000));
        assert_eq!(clock.at_the_end_of(first), Some(Timestamp::from_millis(7_200)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(clock.at_the_end_of(Deadline::after(limit)), Some(Timestamp::from_millis(67_250)));
        // The clock was set back.
        let second = Deadline::after(limit);
        clock.observe(second, Timestamp::from_millis(3_000));
        assert_eq!(clock.at_the_end_of(second), Some(Timestamp::from_millis(3_200)));
    }
}
