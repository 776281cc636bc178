//! The time at which a call must end.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Failure;

/// The time at which a call must end. It is fixed when the call begins and shared by all of its round trips.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    ends: Instant,
}

impl Deadline {
    /// The deadline of a call that begins now and may take this long.
    pub(crate) fn after(limit: Duration) -> Self {
        let began = Instant::now();
        Self { began, ends: began + limit }
    }

    /// When the call began.
    pub(crate) const fn began(self) -> Instant {
        self.began
    }

    /// When the call must end.
    pub(crate) const fn instant(self) -> Instant {
        self.ends
    }

    /// Whether less than a quarter of the call's time remains: then it is time to finish what is in progress.
    pub(crate) fn is_near(self) -> bool {
        self.remaining() < (self.ends - self.began) / 4
    }

    /// The time until the call must end.
    pub(crate) fn remaining(self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }
}

/// Waits for at most `limit`; `late` gives the failure to report after it.
pub(super) async fn within<T>(
    limit: Duration,
    wait: impl Future<Output = Result<T, Failure>>,
    late: impl FnOnce() -> Failure,
) -> Result<T, Failure> {
    timeout(limit, wait).await.unwrap_or_else(|_| Err(late()))
}
