//! How many updates were acknowledged, and how many of them are lost.

use std::ops::AddAssign;

/// Counts over some sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Updates that the store said were done.
    pub(crate) acknowledged: u64,
    /// Of these, those that all replicas were said to have.
    pub(crate) everywhere: u64,
    /// Of the acknowledged, those that are not there any more.
    pub(crate) lost: u64,
    /// Updates that the store said were not done.
    pub(crate) refused: u64,
    /// How often no answer came.
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

/// The rows of one fault, as the documentation has them. One `print!`, so that tests side by side do not mix theirs.
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
