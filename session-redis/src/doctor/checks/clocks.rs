//! Whether the servers agree what time it is: deadlines are moments on the primary's clock, judged after a failover by
//! another one's.

use super::super::{
    facts::{Facts, Reading},
    notes::Notes,
};

/// Half a second is too little to end a session early, and more than a time service leaves.
const SLIGHT: i64 = 500_000;
/// Enough for leases and graces to end wrongly.
const GRAVE: i64 = 10_000_000;

pub(super) fn check(all: &[Facts], notes: &mut Notes) {
    let readings: Vec<Reading> = all.iter().filter_map(|facts| facts.clock).collect();
    let Some(skew) = skew(&readings) else { return };
    let found = format!("the servers' clocks are {} ms apart at least", skew / 1_000);
    let remedy = "run a time service (chrony, ntpd) on every server";
    if skew >= GRAVE {
        notes.critical("clocks", format!("{found}: a failover ends sessions early, or late"), remedy);
    } else if skew >= SLIGHT {
        notes.warning("clocks", format!("{found}: a failover moves all deadlines"), remedy);
    } else {
        notes.ok("clocks", "the servers' clocks agree");
    }
}

/// By how much two clocks differ for certain, at most; nothing with less than two.
fn skew(readings: &[Reading]) -> Option<i64> {
    // Each clock is somewhere in an interval; the gap between the interval that ends first and the one that begins last.
    let first_end = readings.iter().map(|reading| reading.offset.saturating_add(reading.slack)).min()?;
    let last_start = readings.iter().map(|reading| reading.offset.saturating_sub(reading.slack)).max()?;
    (readings.len() > 1).then(|| last_start.saturating_sub(first_end).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        doctor::{Severity, facts::Role},
        net::Address,
    };

    fn severity(readings: &[(i64, i64)]) -> Option<Severity> {
        let facts = |&(offset, slack): &(i64, i64)| {
            let mut facts = Facts::new(Address::tcp("a", 1), Role::Primary);
            facts.clock = Some(Reading { offset, slack });
            facts
        };
        let mut notes = Notes::new();
        check(&readings.iter().map(facts).collect::<Vec<_>>(), &mut notes);
        notes.into_findings().first().map(|found| found.severity())
    }

    #[test]
    fn only_what_is_certain_counts() {
        assert_eq!(severity(&[(0, 1)]), None);
        assert_eq!(severity(&[(0, 1_000), (400_000, 1_000)]), Some(Severity::Ok));
        assert_eq!(severity(&[(0, 1_000), (700_000, 1_000)]), Some(Severity::Warning));
        // The answer took so long that nothing is certain.
        assert_eq!(severity(&[(0, 1_000), (700_000, 600_000)]), Some(Severity::Ok));
        assert_eq!(severity(&[(-6_000_000, 1), (6_000_000, 1), (0, 1)]), Some(Severity::Critical));
    }
}
