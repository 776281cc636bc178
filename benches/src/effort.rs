//! How long to measure.

/// The effort of a run of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// At most three minutes for everything: ratios only.
    Quick,
    /// Long enough for figures to quote.
    Full,
}

impl Effort {
    /// Picks a value for this effort.
    pub fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }

    /// The smallest and the largest number of rounds of a comparison.
    pub fn rounds(self) -> (usize, usize) {
        self.pick((12, 32), (40, 150))
    }
}
