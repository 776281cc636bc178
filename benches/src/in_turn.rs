//! Measuring in turn. Other activity on the machine affects all subjects alike, so ratios hold where single figures do
//! not.

use std::fmt;

use crate::{
    claim::{Claim, Figure, Number, Ratio, Target},
    effort::Effort,
    elapsed,
    section::Table,
};

/// The rounds from one check of whether a comparison is decided to the next. A check after each round would stop at the
/// first favourable one.
const CHECK_INTERVAL: usize = 10;

/// A subject: a name and a batch, which returns the cost of one operation.
struct Subject<'a> {
    name: String,
    batch: Box<dyn FnMut() -> f64 + 'a>,
}

/// A comparison. In each round every subject runs one batch, in an order that is drawn for the round, so that none
/// always follows the same other one.
pub struct InTurn<'a> {
    subjects: Vec<Subject<'a>>,
    derived: Vec<Subject<'a>>,
    unit: &'static str,
    expected: Vec<(String, String, Target)>,
}

impl fmt::Debug for InTurn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.subjects.iter().map(|subject| &subject.name)).finish()
    }
}

impl<'a> InTurn<'a> {
    /// A comparison of costs in this unit.
    pub fn new(unit: &'static str) -> Self {
        Self { subjects: Vec::new(), derived: Vec::new(), unit, expected: Vec::new() }
    }

    /// Adds a subject. Its batch returns the cost of one operation.
    #[must_use]
    pub fn subject(mut self, name: impl Into<String>, batch: impl FnMut() -> f64 + 'a) -> Self {
        self.subjects.push(Subject { name: name.into(), batch: Box::new(batch) });
        self
    }

    /// Adds a figure that is not measured but computed from the results of the round's subjects. It is computed after
    /// all of them, in the order given.
    #[must_use]
    pub fn derived(mut self, name: impl Into<String>, figure: impl FnMut() -> f64 + 'a) -> Self {
        self.derived.push(Subject { name: name.into(), batch: Box::new(figure) });
        self
    }

    /// Like [`until_decided`](Self::until_decided), with a bound on either side.
    #[must_use]
    pub fn until_near(self, ours: &str, reference: &str, factor: f64) -> Self {
        let both = [Target::AtMost(factor), Target::AtLeast(1.0 / factor)];
        both.into_iter().fold(self, |comparison, target| comparison.until_decided(ours, reference, target))
    }

    /// Continues with more rounds while the 99 % interval of this ratio of costs contains its target, as long as the
    /// effort allows.
    #[must_use]
    pub fn until_decided(mut self, ours: &str, reference: &str, target: Target) -> Self {
        self.expected.push((ours.to_owned(), reference.to_owned(), target));
        self
    }

    /// Runs the rounds.
    pub fn run(mut self, effort: Effort) -> Costs {
        let names = self.subjects.iter().chain(&self.derived).map(|subject| subject.name.clone()).collect();
        let mut costs = Costs { names, of_rounds: Vec::new(), unit: self.unit };
        let (least, most) = effort.rounds();
        let count = self.subjects.len();
        // The first round only warms up.
        for subject in &mut self.subjects {
            let _ = (subject.batch)();
        }
        let (mut order, mut rng): (Vec<usize>, _) = ((0..count).collect(), fastrand::Rng::with_seed(1));
        let mut next_check = least;
        while costs.of_rounds.len() < next_check {
            rng.shuffle(&mut order);
            let mut row = vec![f64::NAN; count];
            for which in &order {
                row[*which] = (self.subjects[*which].batch)();
            }
            row.extend(self.derived.iter_mut().map(|figure| (figure.batch)()));
            costs.of_rounds.push(row);
            let goes_on = || self.expected.iter().any(|expected| !costs.is_decided(expected));
            if costs.of_rounds.len() == next_check && next_check < most && goes_on() {
                next_check = (next_check + CHECK_INTERVAL).min(most);
            }
        }
        costs
    }
}

/// The cost of each subject in each round.
#[derive(Clone, Debug)]
pub struct Costs {
    names: Vec<String>,
    of_rounds: Vec<Vec<f64>>,
    unit: &'static str,
}

impl Costs {
    fn is_decided(&self, (ours, reference, target): &(String, String, Target)) -> bool {
        target.is_decided(Ratio::strict(self.ratios(ours, reference)))
    }

    /// # Panics
    /// If no subject has this name.
    fn at(&self, name: &str) -> usize {
        #[expect(clippy::expect_used, reason = "names are literals in the benchmarks")]
        self.names.iter().position(|it| it == name).expect("a subject of the comparison")
    }

    /// The names, in the order in which they were given.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The median cost of a subject.
    ///
    /// # Panics
    /// If no subject has this name.
    pub fn median(&self, name: &str) -> f64 {
        let at = self.at(name);
        Ratio::of(self.of_rounds.iter().map(|row| row[at]).collect()).median
    }

    /// The fastest batch of a subject.
    ///
    /// # Panics
    /// If no subject has this name.
    pub fn fastest(&self, name: &str) -> f64 {
        let at = self.at(name);
        self.of_rounds.iter().map(|row| row[at]).fold(f64::INFINITY, f64::min)
    }

    /// The ratio of two costs, round by round.
    ///
    /// # Panics
    /// If a name is missing.
    pub fn ratio(&self, ours: &str, reference: &str) -> Ratio {
        Ratio::of(self.ratios(ours, reference))
    }

    fn ratios(&self, ours: &str, reference: &str) -> Vec<f64> {
        let (ours, reference) = (self.at(ours), self.at(reference));
        self.of_rounds.iter().map(|row| row[ours] / row[reference]).collect()
    }

    /// A table of all subjects, with the ratio of `ours` to each.
    ///
    /// # Panics
    /// If no subject has this name.
    pub fn table(&self, title: &str, ours: &str) -> Table {
        let mut table = Table::new(title, ["", "median", "quickest batch", "ratio", "95 % within this run"]);
        for name in &self.names {
            let ratio = self.ratio(ours, name);
            let numbers =
                [self.median(name), self.fastest(name), ratio.median].map(|number| Number(number).to_string());
            let [median, least, middle] = numbers;
            table.row([
                name.clone(),
                median,
                least,
                middle,
                format!("{} to {}", Number(ratio.low), Number(ratio.high)),
            ]);
        }
        table
    }

    /// Claims a ratio of two costs.
    ///
    /// # Panics
    /// If a name is missing.
    pub fn claim(&self, id: impl Into<String>, text: &str, (ours, reference): (&str, &str), target: Target) -> Claim {
        let figure = |name: &str| Figure::new(name, self.median(name), self.unit);
        Claim {
            id: id.into(),
            text: text.to_owned(),
            ours: figure(ours),
            reference: figure(reference),
            ratio: self.ratio(ours, reference),
            target,
            missed_because: None,
        }
    }

    /// Claims that two figures are near each other, whichever is larger.
    ///
    /// # Panics
    /// If a name is missing.
    pub fn near(&self, id: impl Into<String>, text: &str, names: (&str, &str), factor: f64) -> Claim {
        let claim = self.claim(id, text, names, Target::AtMost(factor));
        Claim { ratio: claim.ratio.folded(), ..claim }
    }

    /// Claims a ratio of two throughputs. Costs must be in microseconds.
    ///
    /// # Panics
    /// If a name is missing.
    pub fn throughput(
        &self,
        id: impl Into<String>,
        text: &str,
        (ours, reference): (&str, &str),
        target: Target,
    ) -> Claim {
        let figure = |name: &str| Figure::new(name, 1e6 / self.median(name), "/s");
        Claim {
            id: id.into(),
            text: text.to_owned(),
            ours: figure(ours),
            reference: figure(reference),
            ratio: self.ratio(ours, reference).inverse(),
            target,
            missed_because: None,
        }
    }
}

/// Nanoseconds per call, over this many calls.
pub fn each(count: u32, mut work: impl FnMut()) -> f64 {
    elapsed(|| (0..count).for_each(|_| work())).as_secs_f64() * 1e9 / f64::from(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_noise_leaves_the_ratio_alone() {
        let mut noise = 0;
        let mut loud = move || {
            noise += 1;
            100.0 * f64::from(noise)
        };
        let turn = std::cell::RefCell::new(0.0);
        let costs = InTurn::new("ns")
            .subject("ours", || {
                *turn.borrow_mut() += loud();
                2.0 * *turn.borrow()
            })
            .subject("theirs", || 4.0 * *turn.borrow())
            .run(Effort::Quick);
        assert!((0.4..=0.6).contains(&costs.ratio("ours", "theirs").median));
    }

    #[test]
    fn each_subject_follows_each_other_one() {
        let order = std::cell::RefCell::new(Vec::new());
        let mut comparison = InTurn::new("ns");
        for name in 0..4_u8 {
            comparison = comparison.subject(name.to_string(), {
                let order = &order;
                move || {
                    order.borrow_mut().push(name);
                    1.0
                }
            });
        }
        let _ = comparison.run(Effort::Full);
        let pairs: std::collections::HashSet<_> = order.borrow().windows(2).map(|pair| (pair[0], pair[1])).collect();
        let others = pairs.iter().filter(|(before, after)| before != after).count();
        assert_eq!(others, 4 * 3, "{pairs:?}");
    }

    #[test]
    fn derived_figures_are_of_the_same_round() {
        let turn = std::cell::Cell::new(0.0);
        let costs = InTurn::new("ns")
            .derived("twice", || 2.0 * turn.get())
            .subject("ours", || {
                turn.set(turn.get() + 1.0);
                turn.get()
            })
            .run(Effort::Quick);
        let ratio = costs.ratio("twice", "ours");
        assert_eq!((ratio.low, ratio.high), (2.0, 2.0));
        assert_eq!(costs.near("a", "", ("ours", "twice"), 2.0).ratio.high, 2.0);
    }

    #[test]
    fn rounds_go_on_until_noise_does_not_decide() {
        let rounds = |ours: fn(usize) -> f64| {
            let mut round = 0;
            let cost = move || {
                round += 1;
                ours(round)
            };
            let comparison = InTurn::new("ns").subject("ours", cost).subject("theirs", || 10.0);
            comparison.until_decided("ours", "theirs", Target::AtMost(1.0)).run(Effort::Quick).of_rounds.len()
        };
        let (least, most) = Effort::Quick.rounds();
        assert_eq!(rounds(|_| 9.0), least);
        assert_eq!(rounds(|round| if round % 2 == 0 { 9.0 } else { 11.0 }), most);
    }
}
