use std::ops::Range;

use plotters::coord::{
    ranged1d::{DefaultFormatting, KeyPointHint, Ranged},
    types::RangedCoordf64,
};

use crate::section::Axis;

/// Up to this many places on an axis are all labelled.
const FEW: usize = 10;

/// The places of numbers on an axis, and the ones that are labelled.
pub(super) struct Scale {
    range: Range<f64>,
    is_logarithmic: bool,
    /// The places of the figures, if there are few.
    named: Vec<f64>,
}

impl Scale {
    /// The horizontal axis. All places that have figures are labelled, if they are few.
    pub(super) fn across(axis: &Axis, numbers: impl Iterator<Item = f64>) -> Self {
        let mut named: Vec<f64> = numbers.filter(|number| number.is_finite()).collect();
        named.sort_by(f64::total_cmp);
        named.dedup();
        let range = range(axis, named.first().copied(), named.last().copied());
        if named.len() > FEW {
            named.clear();
        }
        Self { range, is_logarithmic: axis.is_logarithmic, named }
    }

    /// The vertical axis. Shares are shown between zero and one, other quantities from zero on.
    pub(super) fn up(axis: &Axis, numbers: impl Iterator<Item = f64>) -> Self {
        let (low, high) = numbers
            .filter(|number| number.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| (low.min(number), high.max(number)));
        let mut range = range(axis, Some(low), Some(high));
        if !axis.is_logarithmic {
            range.start = range.start.min(0.0);
            if low >= 0.0 && high <= 1.0 {
                range = 0.0..1.0;
            }
        }
        Self { range, is_logarithmic: axis.is_logarithmic, named: Vec::new() }
    }

    fn placed(&self, number: f64) -> f64 {
        if self.is_logarithmic { number.max(f64::MIN_POSITIVE).ln() } else { number }
    }
}

/// The range with a margin, and never an empty one.
fn range(axis: &Axis, low: Option<f64>, high: Option<f64>) -> Range<f64> {
    match (low, high) {
        (Some(low), Some(high)) if low <= high && axis.is_logarithmic => low.max(1e-9) * 0.9..high.max(1e-9) * 1.1,
        (Some(low), Some(high)) if low <= high => {
            let room = ((high - low) * 0.04).max(1e-9);
            low - room..high + room
        }
        _ => 0.5..1.0,
    }
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let placed = RangedCoordf64::from(self.placed(self.range.start)..self.placed(self.range.end));
        placed.map(&self.placed(*value), limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if !self.named.is_empty() {
            return self.named.clone();
        }
        if !self.is_logarithmic {
            return RangedCoordf64::from(self.range.clone()).key_points(hint);
        }
        let decades = self.range.start.log10().floor() as i32..=self.range.end.log10().ceil() as i32;
        let steps = |decade| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(decade));
        decades.flat_map(steps).filter(|step| self.range.contains(step)).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}
