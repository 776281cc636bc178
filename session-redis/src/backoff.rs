//! Pauses between attempts.

use std::time::Duration;

/// Pauses that double from one attempt to the next, up to a longest one.
///
/// Each is shortened by a random share of up to half, so that clients that failed together do not return together.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// Between two attempts of one call.
    pub(crate) const fn between_attempts() -> Self {
        Self::new(Duration::from_millis(4), Duration::from_millis(250))
    }

    /// Between two attempts to reach a primary. They have no limit.
    pub(crate) const fn between_connects() -> Self {
        Self::new(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// The next pause begins from the shortest again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    /// All pauses from now on are the longest: the failure will not pass soon.
    pub(crate) fn slow_down(&mut self) {
        self.next = self.longest;
    }

    /// The length of the next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let length = self.next.min(self.longest);
        self.next = (length * 2).min(self.longest);
        length.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(self.next()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(80));
        for expected in [10, 20, 40, 80, 80] {
            let length = backoff.next();
            assert!(length <= Duration::from_millis(expected), "{length:?} of {expected}");
            assert!(length >= Duration::from_millis(expected / 2), "{length:?} of {expected}");
        }
    }

    #[test]
    fn pauses_grow_to_the_longest_and_start_anew() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(35));
        for most in [10, 20, 35, 35] {
            let pause = backoff.next().as_millis();
            assert!(pause >= most / 2 && pause <= most, "{pause} of {most}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(10));
    }
}
