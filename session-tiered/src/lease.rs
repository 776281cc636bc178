//! Leases: how long copies may answer without contact to the store.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use session_core::model::Timestamp;

use crate::stats::STEPS;

/// The lease of one partition.
///
/// It runs for a [`LeaseTerm`] from the moment at which a heartbeat was *sent*, and is granted when the answer is taken out
/// of the feed. By then the listener has received everything published before the answer, so each copy was the current
/// state at some moment after the sending.
#[derive(Debug, Default)]
pub(crate) struct Lease(AtomicU64);

/// The length of leases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseTerm {
    millis: u64,
    /// Steps of the staleness histogram per millisecond, as a fraction of 2^32, so that a hit does not divide.
    steps: u64,
}

impl LeaseTerm {
    /// One per cent less than the bound, which covers clocks that are slow by that much. Zero for a bound of less than a
    /// millisecond, because the clock cannot tell two moments of one millisecond apart.
    pub(crate) fn new(max_staleness: Duration) -> Self {
        let millis = u64::try_from(max_staleness.as_millis()).unwrap_or(u64::MAX);
        let millis = (millis - millis.div_ceil(100)).max(millis.min(1));
        Self { millis, steps: ((STEPS as u64) << 32).div_ceil(millis.max(1)) }
    }

    /// Whether leases end as they begin, so that no copy ever answers.
    pub(crate) fn is_zero(self) -> bool {
        self.millis == 0
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    pub(crate) fn millis(self) -> u64 {
        self.millis
    }

    /// The histogram step of an answer given when `left` milliseconds of the lease remain.
    pub(crate) fn step(self, left: u64) -> usize {
        usize::try_from(self.millis.saturating_sub(left).saturating_mul(self.steps) >> 32).unwrap_or(STEPS)
    }
}

impl Lease {
    /// Extends the lease to one term after a heartbeat was sent. Heartbeats may be answered in any order; an older one
    /// never shortens the lease.
    pub(crate) fn grant(&self, sent_at: Timestamp, term: LeaseTerm) {
        self.0.fetch_max(sent_at.as_millis().saturating_add(term.millis), Ordering::AcqRel);
    }

    /// Ends the lease now.
    pub(crate) fn end(&self) {
        self.0.store(0, Ordering::Release);
    }

    /// Whether no lease was granted in this epoch.
    pub(crate) fn is_missing(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }

    /// The milliseconds that remain; `None` if the lease has ended.
    pub(crate) fn left(&self, now: Timestamp) -> Option<u64> {
        self.0.load(Ordering::Acquire).checked_sub(now.as_millis()).filter(|left| *left > 0)
    }

    /// When the heartbeat behind this lease was sent.
    pub(crate) fn sent_at(&self, term: LeaseTerm) -> Option<Timestamp> {
        self.0.load(Ordering::Acquire).checked_sub(term.millis).map(Timestamp::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn it_runs_from_when_the_heartbeat_was_sent() {
        let (lease, term) = (Lease::default(), LeaseTerm::new(Duration::from_secs(1)));
        assert_eq!(lease.left(at(0)), None, "before the first");
        lease.grant(at(5_000), term);
        assert_eq!(lease.left(at(5_989)), Some(1));
        assert_eq!(lease.left(at(5_990)), None);
        assert_eq!(lease.sent_at(term), Some(at(5_000)));
    }

    #[test]
    fn an_older_heartbeat_does_not_shorten_it() {
        let (lease, term) = (Lease::default(), LeaseTerm::new(Duration::from_secs(1)));
        lease.grant(at(5_500), term);
        lease.grant(at(5_000), term);
        assert_eq!(lease.sent_at(term), Some(at(5_500)));
        lease.end();
        assert_eq!(lease.left(at(0)), None);
    }

    #[test]
    fn even_the_shortest_bound_has_a_term_unless_it_is_zero() {
        assert_eq!(LeaseTerm::new(Duration::from_millis(1)).duration(), Duration::from_millis(1));
        assert!(LeaseTerm::new(Duration::ZERO).is_zero());
    }

    #[test]
    fn steps_are_equal_parts_of_the_term() {
        for bound in [1, 20, 1_000, 60_000, 86_400_000] {
            let term = LeaseTerm::new(Duration::from_millis(bound));
            for (step, sixteenths) in (0..STEPS).zip(0..) {
                let passed = (term.millis * sixteenths).div_ceil(STEPS as u64);
                assert!(term.step(term.millis - passed) >= step, "{bound} ms, step {step}");
                assert!(passed == 0 || term.step(term.millis - passed + 1) <= step, "{bound} ms, step {step}");
            }
        }
    }
}
