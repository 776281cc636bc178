//! A primary and its slots.

use std::ops::RangeInclusive;

use super::Address;

/// A primary and its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Primary {
    /// Where it listens.
    pub(crate) address: Address,
    /// Its slots, in order.
    pub(crate) slots: Vec<RangeInclusive<u16>>,
}
