//! The number of acknowledged updates, and how many of them are lost.

use std::ops::AddAssign;

/// Counts over some sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Updates that the store acknowledged.
    pub(crate) acknowledged: u64,
    /// Of these, updates that all replicas were reported to have.
    pub(crate) everywhere: u64,
    /// Of the acknowledged updates, those that are missing.
    pub(crate) lost: u64,
    /// Updates that the store refused.
    pub(crate) refused: u64,
    /// The number of missing answers.
    pub(crate) unanswered: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, everywhere: bool, is_there: bool) {
        self.acknowledged += 1;
        self.everywhere += u64::from(everywhere);
        self.lost += u64::from(!is_there);
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.everywhere += other.everywhere;
        self.lost += other.lost;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
    }
}

/// The rows of one fault, as in the documentation. One `print!`, so that concurrent tests do not mix their lines.
pub(crate) fn print(fault: &str, rows: &[(String, Tally)]) {
    let mut text = String::new();
    for (asked, tally) in rows {
        let Tally { acknowledged, everywhere, lost, refused, unanswered } = tally;
        text += &format!("| {fault} | {asked} | {acknowledged} | {everywhere} | {lost} | {refused} | {unanswered} |\n");
    }
    print!(
        "\n| fault | replicas asked for | acknowledged | of these on all replicas | lost | refused | unanswered |\n\
         |---|---|---|---|---|---|---|\n{text}"
    );
}
