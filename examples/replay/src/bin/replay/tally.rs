//! What the clients measured.

use std::{fmt, time::Duration};

use hdrhistogram::Histogram;
use replay::plan::Task;

use crate::{audit::Audit, shop::Answer};

/// What one client, or all of them, measured.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) reads: Latencies,
    pub(crate) writes: Latencies,
    /// Requests that found their session ended when they opened it.
    pub(crate) found_ended: u64,
    /// Requests whose session ended between opening and committing.
    pub(crate) late_commits_refused: u64,
    pub(crate) elapsed: Duration,
    pub(crate) audit: Audit,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            reads: Latencies::new(),
            writes: Latencies::new(),
            found_ended: 0,
            late_commits_refused: 0,
            elapsed: Duration::ZERO,
            audit: Audit::default(),
        }
    }

    pub(crate) fn answered(&mut self, task: Task, answer: Answer, latency: Duration) {
        match task {
            Task::Look => self.reads.record(latency),
            _ => self.writes.record(latency),
        }
        self.found_ended += u64::from(answer == Answer::Gone);
        self.late_commits_refused += u64::from(answer == Answer::CommitRefused);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.reads.merge(&other.reads);
        self.writes.merge(&other.writes);
        self.found_ended += other.found_ended;
        self.late_commits_refused += other.late_commits_refused;
        self.audit += other.audit;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.reads.count() + self.writes.count()
    }
}

/// A distribution of latencies, in nanoseconds, to three digits. It grows on demand, so most clients' are small.
pub(crate) struct Latencies(Option<Histogram<u64>>);

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(Histogram::new(3).ok())
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        if let Some(histogram) = &mut self.0 {
            // This cannot fail: a histogram that resizes itself accepts every value.
            let _ = histogram.record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    fn merge(&mut self, other: &Self) {
        if let (Some(all), Some(one)) = (&mut self.0, &other.0) {
            let _ = all.add(one);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// In microseconds.
    pub(crate) fn percentile(&self, percentile: f64) -> f64 {
        self.0.as_ref().map_or(0.0, |histogram| histogram.value_at_percentile(percentile) as f64 / 1_000.0)
    }
}

impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Latencies({})", self.count())
    }
}
