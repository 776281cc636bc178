//! The result, as a table or as one JSON object.

use std::fmt::{self, Write as _};

use replay::plan::Counts;
use serde::Serialize;

#[cfg(feature = "tiered")]
use crate::caching::Caching;
use crate::{
    audit::Audit,
    tally::{Latencies, Tally},
};

/// The result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) store: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) trace: &'static str,
    pub(crate) seed: u64,
    pub(crate) nodes: u16,
    pub(crate) clients: u16,
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) operations_per_second: f64,
    pub(crate) reads: Percentiles,
    pub(crate) writes: Percentiles,
    /// `None` without local caches.
    #[cfg(feature = "tiered")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) caches: Option<Caching>,
    pub(crate) removals: u64,
    pub(crate) removals_repeated: u64,
    pub(crate) removals_unmatched: u64,
    pub(crate) requests_found_session_ended: u64,
    pub(crate) late_commits_refused: u64,
    #[serde(flatten)]
    pub(crate) audit: Audit,
}

/// Latencies in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) count: u64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

impl From<&Latencies> for Percentiles {
    fn from(of: &Latencies) -> Self {
        Self {
            count: of.count(),
            p50_us: of.percentile(50.0),
            p90_us: of.percentile(90.0),
            p99_us: of.percentile(99.0),
            p999_us: of.percentile(99.9),
            max_us: of.percentile(100.0),
        }
    }
}

/// What is run.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) store: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) trace: &'static str,
    pub(crate) seed: u64,
    pub(crate) nodes: u16,
    pub(crate) clients: u16,
    pub(crate) counts: Counts,
}

impl Report {
    pub(crate) fn new(setting: &Setting, tally: &Tally) -> Self {
        let seconds = tally.elapsed.as_secs_f64();
        Self {
            store: setting.store,
            mode: setting.mode,
            trace: setting.trace,
            seed: setting.seed,
            nodes: setting.nodes,
            clients: setting.clients,
            requests: tally.requests(),
            seconds,
            operations_per_second: tally.requests() as f64 / seconds.max(f64::EPSILON),
            reads: Percentiles::from(&tally.reads),
            writes: Percentiles::from(&tally.writes),
            #[cfg(feature = "tiered")]
            caches: None,
            removals: setting.counts.removals,
            removals_repeated: setting.counts.repeated,
            removals_unmatched: setting.counts.unmatched,
            requests_found_session_ended: tally.found_ended,
            late_commits_refused: tally.late_commits_refused,
            audit: tally.audit,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, mode, trace, nodes, clients, .. } = self;
        write!(f, "{trace} traffic on {store}, {mode}; {nodes} nodes, {clients} clients")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, "requests", self.requests, &format!("in {:.2} s", self.seconds))?;
        row(f, "operations per second", self.operations_per_second.round() as u64, "")?;
        self.fmt_latencies(f)?;
        #[cfg(feature = "tiered")]
        if let Some(caches) = &self.caches {
            caches.fmt_table(f)?;
        }
        self.fmt_audit(f)
    }
}

impl Report {
    fn fmt_latencies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  {:<12}{:>10}{:>10}{:>10}{:>10}{:>10}", "latency, us", "p50", "p90", "p99", "p99.9", "max")?;
        for (name, of) in [("reads", &self.reads), ("writes", &self.writes)] {
            write!(f, "  {name:<12}")?;
            for value in [of.p50_us, of.p90_us, of.p99_us, of.p999_us, of.max_us] {
                write!(f, "{value:>10.1}")?;
            }
            f.write_char('\n')?;
        }
        f.write_char('\n')
    }

    fn fmt_audit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audit = &self.audit;
        row(f, "cart lines lost", audit.lines_lost, &format!("of {}", grouped(audit.lines_expected)))?;
        row(f, "cart lines removed, but still there", audit.lines_returned, &format!("of {}", grouped(self.removals)))?;
        if audit.orders_expected > 0 {
            row(f, "orders lost", audit.orders_lost, &format!("of {}", grouped(audit.orders_expected)))?;
        }
        row(f, "sessions lost", audit.sessions_lost, &format!("of {}", grouped(audit.sessions)))?;
        let ended = format!("of {} ended", grouped(audit.sessions_ended));
        row(f, "sessions resurrected", audit.sessions_resurrected, &ended)?;
        row(f, "late commits refused", self.late_commits_refused, "")?;
        row(f, "requests after the session had ended", self.requests_found_session_ended, "")?;
        row(f, "removals that had nothing to remove", self.removals_unmatched, "treated as reads")
    }
}

pub(crate) fn row(f: &mut fmt::Formatter<'_>, name: &str, value: u64, note: &str) -> fmt::Result {
    let line = format!("  {name:<38}{:>11} {note}", grouped(value));
    writeln!(f, "{}", line.trim_end())
}

/// 541909 as 541,909.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let shown: Vec<String> = [0, 999, 1_000, 541_909, 1_234_567].into_iter().map(grouped).collect();
        assert_eq!(shown, ["0", "999", "1,000", "541,909", "1,234,567"]);
    }
}
