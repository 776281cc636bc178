//! Pauses between attempts to connect.

use std::time::Duration;

/// Pauses that double, each cut by a random part so that subscribers do not come back all at once.
#[derive(Debug)]
pub(crate) struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Pauses {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The next pause, half as long or up to as long as it could be.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next.min(self.longest);
        self.next = (pause * 2).min(self.longest);
        pause.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_anew() {
        let mut pauses = Pauses::new(Duration::from_millis(10), Duration::from_millis(35));
        for most in [10, 20, 35, 35] {
            let pause = pauses.next().as_millis();
            assert!(pause >= most / 2 && pause <= most, "{pause} of {most}");
        }
        pauses.reset();
        assert!(pauses.next() <= Duration::from_millis(10));
    }
}
