//! A small seeded generator. One seed gives the same traffic on every machine and with every version of every crate.

/// SplitMix64.
#[derive(Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Uniform in `0..bound`, up to a bias that 64 bits make negligible. `bound` must not be 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        let product = u128::from(self.bits()) * u128::from(bound);
        u32::try_from(product >> 64).unwrap_or(0)
    }

    /// Uniform in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A sample from the distribution with these quantiles, interpolated between them on a logarithmic scale.
    pub fn sample(&mut self, quantiles: &[(f64, f64)]) -> u32 {
        let at = self.unit();
        let value = quantiles
            .windows(2)
            .find(|pair| at < pair[1].0)
            .map(|pair| {
                let [(p, low), (q, high)] = [pair[0], pair[1]];
                low * (high / low).powf((at - p) / (q - p))
            })
            .unwrap_or(1.0);
        value.round() as u32
    }
}
