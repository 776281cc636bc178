//! Pauses between attempts.

use std::time::Duration;

/// Pauses that double from one attempt to the next, up to a most, each shortened by a random share so that clients
/// that failed together do not return together.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, most: Duration) -> Self {
        Self { next: first, most }
    }

    /// Between two attempts of one call.
    pub(super) const fn of_a_call() -> Self {
        Self::new(Duration::from_millis(4), Duration::from_millis(250))
    }

    /// Between two attempts to connect. It goes on for ever.
    pub(super) const fn of_a_link() -> Self {
        Self::new(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// From now on the longest pauses: what failed will not mend itself soon.
    pub(super) fn slow_down(&mut self) {
        self.next = self.most;
    }

    /// The next pause.
    pub(super) fn length(&mut self) -> Duration {
        let length = self.next;
        self.next = (length * 2).min(self.most);
        length.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.length()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_up_to_its_most() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(80));
        for expected in [10, 20, 40, 80, 80] {
            let length = backoff.length();
            assert!(length <= Duration::from_millis(expected), "{length:?} of {expected}");
            assert!(length >= Duration::from_millis(expected / 2), "{length:?} of {expected}");
        }
    }
}
