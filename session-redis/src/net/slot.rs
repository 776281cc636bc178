//! A slot of the cluster's key space.

/// One of the 16,384 slots that a cluster spreads its keys over. On one server it only names a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(u16);

impl Slot {
    /// How many there are.
    pub(crate) const COUNT: u16 = 16_384;

    /// The slot of this number; numbers count on from 0 beyond the last one.
    pub(crate) const fn new(number: u16) -> Self {
        Self(number % Self::COUNT)
    }

    pub(crate) const fn number(self) -> u16 {
        self.0
    }
}
