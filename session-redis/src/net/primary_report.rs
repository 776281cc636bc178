//! What sentinels report, and which report is followed.

use super::Address;

/// How far an epoch may be ahead of those that others report. Each attempt at a failover takes the next number, so an honest
/// sentinel is this far ahead only of one that has missed attempts for most of a year, one every six minutes.
const PLAUSIBLE_LEAD: u64 = 1 << 16;

/// What one sentinel reports: the primary, and the epoch in which it was promoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrimaryReport {
    pub(crate) primary: Address,
    pub(crate) epoch: u64,
}

/// The report that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) primary: Address,
    pub(super) epoch: u64,
    /// The number of sentinels that name this primary.
    votes: usize,
}

impl Followed {
    /// Whether the primary promoted in `epoch` at `address` has been replaced. An older report does not say so: that of an
    /// isolated sentinel names an older primary, which must not be returned to.
    ///
    /// An epoch that is implausibly high proves nothing, neither that of a single sentinel nor one that the store has met
    /// before: it would keep the store from every later primary. Several sentinels that agree are believed instead.
    pub(super) fn supersedes(&self, address: &Address, epoch: u64) -> bool {
        let agree = self.votes > 1;
        let is_next = self.epoch >= epoch && (agree || self.epoch - epoch <= PLAUSIBLE_LEAD);
        let was_implausible = agree && epoch > self.epoch.saturating_add(PLAUSIBLE_LEAD);
        self.primary != *address && (is_next || was_implausible)
    }
}

/// Chooses from the reports of the sentinels that answer; `None` if none does.
///
/// The primary that most of them name is followed. The highest epoch alone does not decide, since every sentinel can claim
/// any. This costs little at a failover: the sentinel that leads it tells the others as soon as it has promoted the new
/// primary, and until they know, the store stays at the old one or waits for the next attempt to connect.
///
/// If equally many name each of several primaries, the newest epoch decides, as an isolated sentinel still names the old
/// primary, which may accept writes that will be lost. Epochs that are implausibly far ahead of all others do not count
/// then. A single sentinel that answers is believed: nothing contradicts it, and a store must be able to connect with it.
pub(crate) fn choose(reports: &[PrimaryReport]) -> Option<Followed> {
    let ceiling = highest_plausible(reports)?;
    let mut best: Option<(bool, Followed)> = None;
    for PrimaryReport { primary, .. } in reports {
        let same: Vec<_> = reports.iter().filter(|report| report.primary == *primary).cloned().collect();
        let epoch = highest_plausible(&same)?;
        let is_plausible = same.iter().any(|report| report.epoch <= ceiling);
        let candidate = (is_plausible, Followed { primary: primary.clone(), epoch, votes: same.len() });
        let rank = |(is_plausible, followed): &(bool, Followed)| (followed.votes, *is_plausible, followed.epoch);
        if best.as_ref().is_none_or(|best| rank(&candidate) > rank(best)) {
            best = Some(candidate);
        }
    }
    best.map(|(_, followed)| followed)
}

/// The highest epoch that is not too far ahead of the next lower one.
fn highest_plausible(reports: &[PrimaryReport]) -> Option<u64> {
    let mut epochs: Vec<u64> = reports.iter().map(|report| report.epoch).collect();
    epochs.sort_unstable();
    let lowest = *epochs.first()?;
    let next = |highest: u64, epoch: u64| if epoch - highest <= PLAUSIBLE_LEAD { epoch } else { highest };
    Some(epochs.into_iter().fold(lowest, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = u64::MAX;

    /// A primary, and the epoch that a sentinel reports with it.
    type Claim = (char, u64);

    /// The primaries `o`ld and `n`ew, and `l`, which a sentinel that lies names.
    fn primary(name: char) -> Address {
        Address::tcp(name.to_string(), 6379)
    }

    fn reports(reports: &[Claim]) -> Vec<PrimaryReport> {
        reports.iter().map(|(name, epoch)| PrimaryReport { primary: primary(*name), epoch: *epoch }).collect()
    }

    /// The choice does not depend on the order of the reports.
    #[test]
    fn choices() {
        let cases: [(&str, &[Claim], Claim); 22] = [
            ("all agree", &[('n', 5), ('n', 5), ('n', 5)], ('n', 5)),
            ("one answers", &[('n', 5)], ('n', 5)),
            ("one answers, of a great age", &[('n', 1 << 40)], ('n', 1 << 40)),
            ("a failover is known to one", &[('n', 5), ('o', 4), ('o', 4)], ('o', 4)),
            ("a failover is known to most", &[('n', 5), ('n', 5), ('o', 4)], ('n', 5)),
            ("an isolated sentinel, and one is down", &[('o', 4), ('n', 5)], ('n', 5)),
            ("two isolated of four", &[('o', 4), ('n', 5), ('o', 4), ('n', 5)], ('n', 5)),
            ("one has missed many failovers", &[('n', 9_000), ('n', 9_000), ('o', 4)], ('n', 9_000)),
            ("one has missed many, and one is down", &[('n', 9_000), ('o', 4)], ('n', 9_000)),
            ("the old primary again", &[('o', 7), ('n', 5), ('o', 3)], ('o', 7)),
            ("a lie", &[('n', 5), ('n', 5), ('l', MOST)], ('n', 5)),
            ("a plausible lie", &[('n', 5), ('n', 5), ('l', 6)], ('n', 5)),
            ("a lie, and one is down", &[('n', 5), ('l', MOST)], ('n', 5)),
            ("a lie just before the end of numbers", &[('n', 5), ('l', MOST - 1), ('n', 5)], ('n', 5)),
            ("two lies of five", &[('n', 5), ('l', MOST), ('n', 5), ('l', MOST), ('n', 5)], ('n', 5)),
            ("two lies that differ", &[('n', 5), ('l', MOST), ('k', MOST - 1)], ('n', 5)),
            ("a lie about the epoch alone", &[('n', 5), ('n', MOST), ('n', 5)], ('n', 5)),
            ("a lie about the epoch of the old primary", &[('n', 5), ('o', MOST), ('n', 5)], ('n', 5)),
            ("a lie during a failover", &[('n', 5), ('o', 4), ('o', 4), ('l', MOST)], ('o', 4)),
            ("a lie while a failover spreads", &[('n', 5), ('n', 5), ('o', 4), ('l', 6)], ('n', 5)),
            ("a lie while two disagree", &[('n', 5), ('o', 4), ('l', MOST)], ('n', 5)),
            // Nothing shows which of two is honest if the lie is plausible.
            ("a plausible lie, and one is down", &[('n', 5), ('l', 6)], ('l', 6)),
        ];
        for (what, given, (name, epoch)) in cases {
            let mut given = reports(given);
            for _ in 0..given.len() {
                given.rotate_left(1);
                for given in [given.clone(), given.iter().rev().cloned().collect()] {
                    let chosen = choose(&given).unwrap();
                    assert_eq!((chosen.primary, chosen.epoch), (primary(name), epoch), "{what}: {given:?}");
                }
            }
        }
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn when_a_primary_has_been_replaced() {
        let cases: [(&str, &[Claim], u64, bool); 11] = [
            ("a newer primary", &[('n', 5), ('n', 5)], 4, true),
            ("a newer primary, named by one", &[('n', 5)], 4, true),
            ("after many failovers", &[('n', 9_000)], 4, true),
            ("another of the same epoch", &[('n', 4)], 4, true),
            ("the same primary", &[('o', 5)], 4, false),
            ("an older primary", &[('n', 3)], 4, false),
            ("an older primary, named by two", &[('n', 3), ('n', 3)], 4, false),
            ("a lie of the only one that answers", &[('n', MOST)], 4, false),
            ("the truth after a lie that was believed", &[('n', 5), ('n', 5)], MOST, true),
            ("one report after a lie that was believed", &[('n', 5)], MOST, false),
            ("a great leap on which two agree", &[('n', 1 << 40), ('n', 1 << 40)], 4, true),
        ];
        for (what, given, epoch, expected) in cases {
            let chosen = choose(&reports(given)).unwrap();
            assert_eq!(chosen.supersedes(&primary('o'), epoch), expected, "{what}");
        }
    }
}
