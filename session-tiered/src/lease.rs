//! Leases: for how long what is cached may answer without a word from the store.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use session_core::model::Timestamp;

use crate::stats::STEPS;

/// The lease of one partition.
///
/// It runs for [`Term`] from the moment at which a heartbeat was *sent*, and is granted when the answer is taken out of
/// the feed: everything that was published before the answer has been heard by then, so whatever is cached was the
/// present state at some moment after the sending.
#[derive(Debug, Default)]
pub(crate) struct Lease(AtomicU64);

/// How long leases run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    millis: u64,
    /// Steps of the histogram of staleness in a millisecond, as a fraction of 2^32: a hit does not divide.
    steps: u64,
}

impl Term {
    /// A hundredth less than the bound, for clocks that are slow by as much. Nothing for a bound of less than a
    /// millisecond: two moments of one millisecond cannot be told apart.
    pub(crate) fn of(max_staleness: Duration) -> Self {
        let millis = u64::try_from(max_staleness.as_millis()).unwrap_or(u64::MAX);
        let millis = (millis - millis.div_ceil(100)).max(millis.min(1));
        Self { millis, steps: ((STEPS as u64) << 32).div_ceil(millis.max(1)) }
    }

    /// Whether no lease ever lets a copy answer.
    pub(crate) fn is_nothing(self) -> bool {
        self.millis == 0
    }

    pub(crate) fn duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// In which step of the histogram an answer belongs that is given when so much of the lease is left.
    pub(crate) fn step(self, left: u64) -> usize {
        usize::try_from(self.millis.saturating_sub(left).saturating_mul(self.steps) >> 32).unwrap_or(STEPS)
    }
}

impl Lease {
    /// The term from a heartbeat on. Heartbeats may be answered in any order; an older one shortens nothing.
    pub(crate) fn grant(&self, sent_at: Timestamp, term: Term) {
        self.0.fetch_max(sent_at.as_millis().saturating_add(term.millis), Ordering::AcqRel);
    }

    /// Ends it now.
    pub(crate) fn end(&self) {
        self.0.store(0, Ordering::Release);
    }

    /// Whether there is none, since none was granted in this epoch.
    pub(crate) fn is_wanting(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }

    /// How much of it is left, in milliseconds; nothing if it has ended.
    pub(crate) fn left(&self, now: Timestamp) -> Option<u64> {
        self.0.load(Ordering::Acquire).checked_sub(now.as_millis()).filter(|left| *left > 0)
    }

    /// When the heartbeat was sent that it runs from.
    pub(crate) fn sent_at(&self, term: Term) -> Option<Timestamp> {
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
    fn it_runs_from_the_sending() {
        let (lease, term) = (Lease::default(), Term::of(Duration::from_secs(1)));
        assert_eq!(lease.left(at(0)), None, "before the first");
        lease.grant(at(5_000), term);
        assert_eq!(lease.left(at(5_989)), Some(1));
        assert_eq!(lease.left(at(5_990)), None);
        assert_eq!(lease.sent_at(term), Some(at(5_000)));
    }

    #[test]
    fn an_older_heartbeat_shortens_nothing() {
        let (lease, term) = (Lease::default(), Term::of(Duration::from_secs(1)));
        lease.grant(at(5_500), term);
        lease.grant(at(5_000), term);
        assert_eq!(lease.sent_at(term), Some(at(5_500)));
        lease.end();
        assert_eq!(lease.left(at(0)), None);
    }

    #[test]
    fn even_the_shortest_bound_has_a_term_unless_it_is_nothing() {
        assert_eq!(Term::of(Duration::from_millis(1)).duration(), Duration::from_millis(1));
        assert!(Term::of(Duration::ZERO).is_nothing());
    }

    #[test]
    fn steps_are_equal_parts_of_the_term() {
        for bound in [1, 20, 1_000, 60_000, 86_400_000] {
            let term = Term::of(Duration::from_millis(bound));
            for (step, sixteenths) in (0..STEPS).zip(0..) {
                let passed = (term.millis * sixteenths).div_ceil(STEPS as u64);
                assert!(term.step(term.millis - passed) >= step, "{bound} ms, step {step}");
                assert!(passed == 0 || term.step(term.millis - passed + 1) <= step, "{bound} ms, step {step}");
            }
        }
    }
}
