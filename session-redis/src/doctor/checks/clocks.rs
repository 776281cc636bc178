//! Clock skew between servers. Deadlines are moments on the primary's clock, and a failover replaces that clock.

use super::super::{
    facts::{Facts, Reading},
    findings::Findings,
};

/// A skew of half a second ends no session noticeably early, but a time service leaves less.
const SLIGHT: i64 = 500_000;
/// A skew of ten seconds makes leases and grace periods end wrongly.
const GRAVE: i64 = 10_000_000;

pub(super) fn check(all: &[Facts], findings: &mut Findings) {
    let readings: Vec<Reading> = all.iter().filter_map(|facts| facts.clock).collect();
    let Some(skew) = skew(&readings) else { return };
    let found = format!("the servers' clocks differ by at least {} ms", skew / 1_000);
    let remedy = "run a time service (chrony, ntpd) on every server";
    if skew >= GRAVE {
        findings.critical("clocks", format!("{found}: a failover ends sessions too early or too late"), remedy);
    } else if skew >= SLIGHT {
        findings.warning("clocks", format!("{found}: a failover shifts all deadlines"), remedy);
    } else {
        findings.ok("clocks", "the servers' clocks agree");
    }
}

/// The largest difference between two clocks that is certain; `None` with fewer than two clocks.
fn skew(readings: &[Reading]) -> Option<i64> {
    // Each offset lies in an interval. The certain skew is the gap between the earliest end and the latest start.
    let first_end = readings.iter().map(|reading| reading.offset.saturating_add(reading.slack)).min()?;
    let last_start = readings.iter().map(|reading| reading.offset.saturating_sub(reading.slack)).max()?;
    (readings.len() > 1).then(|| last_start.saturating_sub(first_end).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Severity, facts::Role, internals::Address};

    fn severity(readings: &[(i64, i64)]) -> Option<Severity> {
        let facts = |&(offset, slack): &(i64, i64)| {
            let mut facts = Facts::new(Address::tcp("a", 1), Role::Primary);
            facts.clock = Some(Reading { offset, slack });
            facts
        };
        let mut findings = Findings::new();
        check(&readings.iter().map(facts).collect::<Vec<_>>(), &mut findings);
        findings.into_vec().first().map(|found| found.severity())
    }

    #[test]
    fn only_the_certain_skew_counts() {
        assert_eq!(severity(&[(0, 1)]), None);
        assert_eq!(severity(&[(0, 1_000), (400_000, 1_000)]), Some(Severity::Ok));
        assert_eq!(severity(&[(0, 1_000), (700_000, 1_000)]), Some(Severity::Warning));
        // The reply took too long for any certainty.
        assert_eq!(severity(&[(0, 1_000), (700_000, 600_000)]), Some(Severity::Ok));
        assert_eq!(severity(&[(-6_000_000, 1), (6_000_000, 1), (0, 1)]), Some(Severity::Critical));
    }
}
