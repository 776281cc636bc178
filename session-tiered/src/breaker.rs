//! The circuit breaker: while the store does not answer, most calls fail at once instead of waiting for their deadlines.
//!
//! A refusal is an answer: a store that is out of memory refuses updates, and still reads, touches and destroys. A refusal
//! that lasted until the deadline of its call counts as no answer, because the caller waited as long as in an outage. The
//! store tells the two apart, in [`Error::is_answered`].

use std::{
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use session_core::{Clock, Error, ErrorKind, model::Timestamp};

use crate::stats::Counter;

/// Closed until `failures` calls in a row went unanswered. Then open for `pause`. Then one call at a time is let through as
/// a probe, until one is answered.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures: u32,
    pause: Duration,
    unanswered: AtomicU32,
    /// On the local clock, in milliseconds. Until then the circuit is open.
    open_until: AtomicU64,
    probing: AtomicBool,
}

/// Permission for one call.
struct Permit<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.probing.store(false, Ordering::Release);
        }
    }
}

impl Breaker {
    pub(crate) fn new(failures: u32, pause: Duration) -> Self {
        Self {
            failures: failures.max(1),
            pause,
            unanswered: AtomicU32::new(0),
            open_until: AtomicU64::new(0),
            probing: AtomicBool::new(false),
        }
    }

    /// Makes a call, or fails at once while the circuit is open.
    pub(crate) async fn call<T>(
        &self,
        clock: &dyn Clock,
        refused: &Counter,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some(_permit) = self.permit(clock.now()) else {
            refused.count();
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the store did not answer the previous calls; it is tried again in a moment",
            ));
        };
        let answer = call.await;
        match &answer {
            Err(error) if is_outage(error) => self.fail(clock.now()),
            // Refused before it was sent, which says nothing about the store. In an outage it follows from the calls that
            // are already waiting.
            Err(error) if matches!(error.kind(), ErrorKind::Overloaded | ErrorKind::InvalidInput) => {}
            _ => self.unanswered.store(0, Ordering::Release),
        }
        answer
    }

    fn permit(&self, now: Timestamp) -> Option<Permit<'_>> {
        if self.unanswered.load(Ordering::Acquire) < self.failures {
            return Some(Permit { breaker: self, is_probe: false });
        }
        let is_over = now.as_millis() >= self.open_until.load(Ordering::Acquire);
        let is_probe = is_over && !self.probing.swap(true, Ordering::AcqRel);
        is_probe.then_some(Permit { breaker: self, is_probe })
    }

    fn fail(&self, now: Timestamp) {
        self.unanswered.fetch_add(1, Ordering::AcqRel);
        self.open_until.store(now.after(self.pause).as_millis(), Ordering::Release);
    }
}

/// Whether the store did not answer in time.
fn is_outage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::OutcomeUnknown) && !error.is_answered()
}

#[cfg(test)]
mod tests {
    use session_core::ManualClock;

    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    async fn call(breaker: &Breaker, clock: &ManualClock, answer: Result<(), ErrorKind>) -> (bool, Result<(), Error>) {
        let mut was_called = false;
        let call = async {
            was_called = true;
            answer.map_err(|kind| Error::new(kind, ""))
        };
        let refused = Counter::default();
        let result = breaker.call(clock, &refused, call).await;
        (was_called, result)
    }

    #[tokio::test]
    async fn it_opens_after_failures_and_closes_after_a_probe() {
        let (breaker, clock) = (Breaker::new(2, PAUSE), ManualClock::new());
        let down = Err(ErrorKind::Unavailable);
        assert!(call(&breaker, &clock, down).await.0);
        assert!(call(&breaker, &clock, down).await.0);
        let (was_called, result) = call(&breaker, &clock, Ok(())).await;
        assert!(!was_called, "open");
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unavailable);
        clock.advance(PAUSE);
        assert!(call(&breaker, &clock, down).await.0, "a probe");
        assert!(!call(&breaker, &clock, Ok(())).await.0, "it failed: open again");
        clock.advance(PAUSE);
        assert!(call(&breaker, &clock, Ok(())).await.0, "another probe");
        assert!(call(&breaker, &clock, Ok(())).await.0, "closed");
    }

    #[tokio::test]
    async fn one_probe_at_a_time_and_a_dropped_one_frees_the_next() {
        let (breaker, clock) = (Breaker::new(1, PAUSE), ManualClock::new());
        let _ = call(&breaker, &clock, Err(ErrorKind::OutcomeUnknown)).await;
        clock.advance(PAUSE);
        let refused = Counter::default();
        let mut probe = Box::pin(breaker.call(&clock, &refused, std::future::pending::<Result<(), Error>>()));
        assert!(futures_util::poll!(&mut probe).is_pending());
        assert!(!call(&breaker, &clock, Ok(())).await.0, "one at a time");
        drop(probe);
        assert!(call(&breaker, &clock, Ok(())).await.0);
    }

    #[tokio::test]
    async fn an_error_from_the_store_is_an_answer() {
        let (breaker, clock) = (Breaker::new(2, PAUSE), ManualClock::new());
        for kind in [ErrorKind::Unavailable, ErrorKind::LimitExceeded, ErrorKind::Unavailable] {
            assert!(call(&breaker, &clock, Err(kind)).await.0);
        }
        assert!(call(&breaker, &clock, Ok(())).await.0, "never two in a row");
    }

    async fn refused(breaker: &Breaker, clock: &ManualClock, error: Error) -> bool {
        let mut was_called = false;
        let call = async {
            was_called = true;
            Err::<(), _>(error)
        };
        let _ = breaker.call(clock, &Counter::default(), call).await;
        was_called
    }

    /// A store that refuses every update at once, for example because it is full, still answers everything else.
    #[tokio::test]
    async fn a_refusal_does_not_open_it() {
        let (breaker, clock) = (Breaker::new(2, PAUSE), ManualClock::new());
        for kind in [ErrorKind::Unavailable, ErrorKind::OutcomeUnknown].repeat(8) {
            assert!(refused(&breaker, &clock, Error::new(kind, "out of memory").with_answer()).await);
        }
        assert!(call(&breaker, &clock, Ok(())).await.0);
    }

    /// A refusal shows that the store answers again.
    #[tokio::test]
    async fn a_refused_probe_closes_it() {
        let (breaker, clock) = (Breaker::new(1, PAUSE), ManualClock::new());
        assert!(call(&breaker, &clock, Err(ErrorKind::Unavailable)).await.0);
        assert!(!call(&breaker, &clock, Ok(())).await.0, "open");
        clock.advance(PAUSE);
        assert!(refused(&breaker, &clock, Error::new(ErrorKind::Unavailable, "full").with_answer()).await, "a probe");
        assert!(call(&breaker, &clock, Ok(())).await.0, "closed");
    }

    /// A call that was refused before it was sent does not show that the store answers.
    #[tokio::test]
    async fn a_call_that_was_never_sent_is_no_answer() {
        let (breaker, clock) = (Breaker::new(2, PAUSE), ManualClock::new());
        for kind in [ErrorKind::Unavailable, ErrorKind::Overloaded, ErrorKind::InvalidInput, ErrorKind::Unavailable] {
            assert!(call(&breaker, &clock, Err(kind)).await.0);
        }
        assert!(!call(&breaker, &clock, Ok(())).await.0, "two in a row, of those that were sent");
    }
}
