//! Mechanisms that can be broken on purpose, to see that the tests notice.

/// A mechanism that is broken. Exists with the feature `simulation` only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mutant {
    /// A fill is installed whatever was heard while it was in flight.
    DropFloor,
    /// A gap ends nothing.
    SkipEpoch,
    /// A lease runs from when the answer came, not from when the question left.
    LeaseFromReceipt,
    /// A change is applied to a copy of the same version, whatever its tag.
    PatchWrongStamp,
    /// A fill is installed although the session ended while it was in flight.
    ForgetTombstone,
    /// Whether a fill may be installed is found out first, and it is installed a moment later.
    CheckThenInsert,
}
