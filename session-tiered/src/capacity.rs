//! The size limit of the local cache.

use crate::defaults;

/// How much the local cache keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity(Limit);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Entries(u64),
    Bytes(u64),
}

impl Capacity {
    /// At most `count` sessions of any size.
    pub const fn entries(count: u64) -> Self {
        Self(Limit::Entries(count))
    }

    /// At most `count` bytes of process memory: names, keys and values, plus an overhead for each copy. The overhead is
    /// an estimate, measured on processes that held many copies.
    pub const fn bytes(count: u64) -> Self {
        Self(Limit::Bytes(count))
    }

    pub(crate) fn total(self) -> u64 {
        match self.0 {
            Limit::Entries(count) | Limit::Bytes(count) => count,
        }
    }

    /// The default size of the largest copy, in bytes.
    pub(crate) fn max_copy(self) -> u64 {
        match self.0 {
            Limit::Entries(_) => u64::MAX,
            Limit::Bytes(count) => defaults::MAX_COPY.max(count / defaults::MAX_COPY_SHARE),
        }
    }

    pub(crate) fn is_in_bytes(self) -> bool {
        matches!(self.0, Limit::Bytes(_))
    }

    /// The share of the capacity that a copy of this size uses.
    pub(crate) fn weight(self, bytes: u32) -> u32 {
        match self.0 {
            Limit::Entries(_) => 1,
            Limit::Bytes(_) => bytes,
        }
    }
}
