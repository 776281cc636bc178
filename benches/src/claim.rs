//! A claim: our figure, that of a reference, their ratio, and its target.

use std::{fmt, ops::RangeInclusive};

use serde::{Serialize, Serializer};

/// The target of a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

impl Target {
    /// Whether the ratio meets the target.
    pub fn admits(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(bound) => ratio <= bound,
            Self::AtLeast(bound) => ratio >= bound,
        }
    }

    fn bound(self) -> f64 {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => bound,
        }
    }

    /// Whether the whole interval is on one side of the bound, so that noise does not decide.
    pub fn is_decided(self, ratio: Ratio) -> bool {
        self.admits(ratio.low) == self.admits(ratio.high)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {}", Number(*bound)),
            Self::AtLeast(bound) => write!(f, "≥ {}", Number(*bound)),
        }
    }
}

/// The relative difference from the target that two runs on one machine may well have.
const NEAR: f64 = 0.05;
/// The standard deviations of a normal distribution that cover 95 % and 99 % of it.
const DEVIATIONS: [f64; 2] = [1.96, 2.576];

/// The median of ratios that were taken pairwise, and the 95 % interval of that median *within this run*: it does not
/// cover differences between runs. A ratio that was computed once has an interval of no width.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// The median.
    pub median: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// The number of ratios.
    pub samples: usize,
}

impl Ratio {
    /// From the ratios of single rounds, by order statistics, which assume nothing about the distribution. See W. J.
    /// Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2: the ranks of a quantile's interval.
    pub fn of(samples: Vec<f64>) -> Self {
        Self::within(DEVIATIONS[0], samples)
    }

    /// With the 99 % interval, for measurements that are inspected more than once before they stop.
    pub fn strict(samples: Vec<f64>) -> Self {
        Self::within(DEVIATIONS[1], samples)
    }

    fn within(deviations: f64, mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let count = samples.len();
        let half = deviations * (count as f64).sqrt() / 2.0;
        let middle = count as f64 / 2.0;
        let at = |rank: f64| samples.get((rank.max(0.0) as usize).min(count.saturating_sub(1))).copied();
        Self {
            median: at(middle).unwrap_or(f64::NAN),
            low: at((middle - half).floor()).unwrap_or(f64::NAN),
            high: at((middle + half).ceil()).unwrap_or(f64::NAN),
            samples: count,
        }
    }

    /// The ratio of two figures that do not vary, such as counts.
    pub fn exact(ours: f64, reference: f64) -> Self {
        let ratio = ours / reference;
        Self { median: ratio, low: ratio, high: ratio, samples: 1 }
    }

    /// The distance of two figures: the larger divided by the smaller. It is taken of the medians, not of each round,
    /// so that noise cancels. A ratio that is not above zero gives NaN, which meets no target.
    #[must_use]
    pub fn folded(self) -> Self {
        let fold = |ratio: f64| if ratio > 0.0 { ratio.max(1.0 / ratio) } else { f64::NAN };
        let (low, high) = (fold(self.low), fold(self.high));
        let (near, far) = if self.low > 0.0 { (low.min(high), low.max(high)) } else { (f64::NAN, f64::INFINITY) };
        let low = if self.low <= 1.0 && self.high >= 1.0 { 1.0 } else { near };
        Self { median: fold(self.median), low, high: far, samples: self.samples }
    }

    /// The reciprocal.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self { median: 1.0 / self.median, low: 1.0 / self.high, high: 1.0 / self.low, samples: self.samples }
    }
}

/// A measured figure: a name, a value and a unit.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// The name of the measured quantity.
    pub of: String,
    /// The value.
    pub value: f64,
    /// The unit; empty for a pure number.
    pub unit: &'static str,
}

impl Figure {
    /// A figure with this name, value and unit.
    pub fn new(of: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { of: of.into(), value, unit }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", Number(self.value), if self.unit.is_empty() { "" } else { " " }, self.unit)
    }
}

/// The known reason for missing a claim, and the ratios that it explains. A ratio outside of them is an unexplained
/// miss.
#[derive(Clone, Debug)]
pub struct Reason {
    why: &'static str,
    explains: RangeInclusive<f64>,
}

impl Reason {
    /// A reason that explains the ratios in this range.
    pub fn new(why: &'static str, explains: RangeInclusive<f64>) -> Self {
        Self { why, explains }
    }
}

/// One line of the report.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The id of the claim, as in `redis.apply.64`. It stays the same as long as the claim does.
    pub id: String,
    /// The claim in words.
    pub text: String,
    /// Our figure.
    pub ours: Figure,
    /// The reference, measured in the same run.
    pub reference: Figure,
    /// Our figure divided by the reference.
    pub ratio: Ratio,
    /// The target of the ratio.
    pub target: Target,
    /// The known reason for missing the claim, if it is known to be missed.
    pub missed_because: Option<Reason>,
}

impl Claim {
    /// Whether the claim holds. The median decides; the measurement went on until the interval excluded the target or
    /// its time was over.
    pub fn holds(&self) -> bool {
        self.target.admits(self.ratio.median)
    }

    /// Whether the ratio is so near the target that another run may decide otherwise. A counted figure is never close.
    pub fn is_close(&self) -> bool {
        let near = (self.ratio.median - self.target.bound()).abs() <= NEAR * self.target.bound();
        self.ratio.samples > 1 && (near || !self.target.is_decided(self.ratio))
    }

    /// "pass" or "miss".
    pub fn verdict(&self) -> &'static str {
        if self.holds() { "pass" } else { "miss" }
    }

    /// Adds the known reason for a miss, and the ratios that it explains.
    #[must_use]
    pub fn missed_because(mut self, why: &'static str, explains: RangeInclusive<f64>) -> Self {
        self.missed_because = Some(Reason::new(why, explains));
        self
    }

    /// The reason for a miss, if the claim is missed. A reason that does not explain this ratio does not count.
    pub fn reason(&self) -> Option<&'static str> {
        let explained = self.missed_because.as_ref().filter(|reason| reason.explains.contains(&self.ratio.median));
        (!self.holds()).then(|| explained.map_or("the claim was expected to hold", |reason| reason.why))
    }
}

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            id: &'a str,
            text: &'a str,
            ours: &'a Figure,
            reference: &'a Figure,
            ratio: Ratio,
            target: Target,
            verdict: &'static str,
            close: bool,
            missed_because: Option<&'static str>,
        }
        let Self { id, text, ours, reference, ratio, target, .. } = self;
        Line {
            id,
            text,
            ours,
            reference,
            ratio: *ratio,
            target: *target,
            verdict: self.verdict(),
            close: self.is_close(),
            missed_because: self.reason(),
        }
        .serialize(serializer)
    }
}

/// A number with three significant digits and groups of thousands.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if !magnitude.is_finite() {
            return f.pad("none");
        }
        let decimals = match magnitude {
            0.0 => 0,
            m if m >= 99.95 => 0,
            m if m >= 9.995 => 1,
            m if m >= 0.9995 => 2,
            _ => 3,
        };
        let plain = format!("{magnitude:.decimals$}");
        let (whole, fraction) =
            plain.split_once('.').map_or((plain.as_str(), ""), |(whole, fraction)| (whole, fraction));
        let mut text = String::from(if self.0 < 0.0 { "-" } else { "" });
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        let fraction = fraction.trim_end_matches('0');
        if !fraction.is_empty() {
            text.push('.');
            text.push_str(fraction);
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_median_comes_from_ranks() {
        let ratio = Ratio::of((1..=100).rev().map(f64::from).collect());
        assert_eq!((ratio.median, ratio.low, ratio.high), (51.0, 41.0, 61.0));
        let few = Ratio::of(vec![3.0, 1.0, 2.0]);
        assert_eq!((few.median, few.low, few.high), (2.0, 1.0, 3.0));
        assert!(Ratio::of(Vec::new()).median.is_nan());
    }

    #[test]
    fn a_target_is_decided_only_by_an_interval_on_one_side_of_it() {
        let ratio = Ratio { median: 0.94, low: 0.93, high: 0.96, samples: 40 };
        assert!(!Target::AtLeast(0.95).is_decided(ratio) && !Target::AtLeast(0.95).admits(ratio.median));
        assert!(Target::AtLeast(0.9).is_decided(ratio) && Target::AtMost(0.9).is_decided(ratio));
        let inverse = Ratio { median: 2.0, low: 1.0, high: 4.0, samples: 1 }.inverse();
        assert_eq!((inverse.median, inverse.low, inverse.high), (0.5, 0.25, 1.0));
    }

    fn claim(ratio: Ratio) -> Claim {
        let figure = || Figure::new("a figure", 1.0, "");
        Claim {
            id: "a".to_owned(),
            text: String::new(),
            ours: figure(),
            reference: figure(),
            ratio,
            target: Target::AtMost(1.0),
            missed_because: None,
        }
    }

    #[test]
    fn a_ratio_near_its_target_is_close_however_narrow_its_interval() {
        let narrow = |median: f64| Ratio { median, low: median - 0.001, high: median + 0.001, samples: 40 };
        assert!(claim(narrow(0.96)).is_close() && claim(narrow(1.04)).is_close());
        assert!(!claim(narrow(0.9)).is_close() && !claim(narrow(1.1)).is_close());
        assert!(claim(Ratio { median: 0.9, low: 0.8, high: 1.01, samples: 40 }).is_close());
        assert!(!claim(Ratio::exact(1.0, 1.0)).is_close(), "a count does not vary");
    }

    #[test]
    fn a_reason_explains_only_the_ratios_in_its_range() {
        let known = |ratio: f64| claim(Ratio::exact(ratio, 1.0)).missed_because("it does more", 1.0..=1.2);
        let json = |ratio: f64| serde_json::to_value(known(ratio)).unwrap();
        assert_eq!(known(1.1).reason(), Some("it does more"));
        assert_eq!(known(1.3).reason(), Some("the claim was expected to hold"));
        assert_eq!((known(0.9).reason(), &json(0.9)["missed_because"]), (None, &serde_json::Value::Null));
        assert_eq!((&json(0.9)["verdict"], &json(1.1)["verdict"]), (&"pass".into(), &"miss".into()));
        assert_eq!(json(1.1)["close"], false);
    }

    #[test]
    fn repeated_checks_need_a_wider_interval() {
        let samples: Vec<f64> = (1..=100).map(f64::from).collect();
        let (once, strict) = (Ratio::of(samples.clone()), Ratio::strict(samples));
        assert!(strict.low < once.low && strict.high > once.high && strict.median == once.median);
    }

    /// Too little is as far off as too much, and a ratio that is not above zero is no agreement.
    #[test]
    fn a_folded_ratio_has_two_sides() {
        let folded = |median: f64, low: f64, high: f64| {
            let Ratio { median, low, high, .. } = Ratio { median, low, high, samples: 40 }.folded();
            (median, low, high)
        };
        assert_eq!(folded(2.0, 1.25, 4.0), (2.0, 1.25, 4.0));
        assert_eq!(folded(0.5, 0.25, 0.8), (2.0, 1.25, 4.0));
        assert_eq!(folded(0.8, 0.5, 1.25), (1.25, 1.0, 2.0));
        for (ours, theirs) in [(-1.0, 1.0), (0.0, 1.0)] {
            let median = Ratio::exact(ours, theirs).folded().median;
            assert!(!Target::AtMost(1.25).admits(median) && !Target::AtLeast(0.8).admits(median));
        }
    }

    #[test]
    fn numbers_have_three_digits_and_groups() {
        let shown: Vec<_> = [0.0, 0.1666, 1.0, 12.34, 99.97, 1_234_567.8, -0.5].map(|n| Number(n).to_string()).into();
        assert_eq!(shown, ["0", "0.167", "1", "12.3", "100", "1,234,568", "-0.5"]);
    }
}
