//! How long to measure.

/// Of a run of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Within three minutes, all together: ratios only.
    Quick,
    /// Long enough for figures to quote.
    Full,
}

impl Effort {
    /// One or the other.
    pub fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }

    /// At least and at most so many rounds of a comparison.
    pub fn rounds(self) -> (usize, usize) {
        self.pick((12, 32), (40, 150))
    }
}
