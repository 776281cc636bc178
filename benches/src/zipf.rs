//! The distribution of requests over sessions: a few are requested often, many now and then.

/// Generates numbers below a bound, the n-th in proportion to n^-alpha. The sequence depends only on the seed.
#[derive(Clone, Debug)]
pub struct Zipf {
    /// The sums of the weights up to each number.
    sums: std::sync::Arc<[f64]>,
    state: u64,
}

impl Zipf {
    /// Numbers below `bound`, with an alpha of 0.9.
    pub fn new(bound: usize, seed: u64) -> Self {
        Self::with_alpha(bound, 0.9, seed)
    }

    /// Numbers below `bound`.
    pub fn with_alpha(bound: usize, alpha: f64, seed: u64) -> Self {
        let sums = (1..=bound).scan(0.0, |sum, rank| {
            *sum += (rank as f64).powf(-alpha);
            Some(*sum)
        });
        Self { sums: sums.collect(), state: 0 }.with_seed(seed)
    }

    /// Another sequence.
    #[must_use]
    pub fn with_seed(&self, seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, ..self.clone() }
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 32) as u32
    }

    /// The next number.
    pub fn sample(&mut self) -> usize {
        let total = self.sums.last().copied().unwrap_or_default();
        let at = f64::from(self.bits()) / f64::from(u32::MAX) * total;
        self.sums.partition_point(|sum| *sum < at).min(self.sums.len().saturating_sub(1))
    }
}
