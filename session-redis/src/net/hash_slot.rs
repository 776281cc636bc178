//! A hash slot of a cluster.

/// One of the 16,384 slots that a cluster spreads its keys over. On a single server it only identifies a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HashSlot(u16);

impl HashSlot {
    /// The number of slots.
    pub(crate) const COUNT: u16 = 16_384;

    /// The slot of this number, modulo [`COUNT`](Self::COUNT).
    pub(crate) const fn new(number: u16) -> Self {
        Self(number % Self::COUNT)
    }

    pub(crate) const fn number(self) -> u16 {
        self.0
    }
}
