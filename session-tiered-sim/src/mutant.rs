//! The mistakes.

use session_core::model::Stamp;

use crate::fill::FillFloor;

/// A mechanism that is broken on purpose, to show that the tests notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mutant {
    /// A fill is installed although a newer state became known while it was in flight.
    DropFloor,
    /// A gap ends no epoch.
    SkipEpoch,
    /// A lease runs from when the answer to the heartbeat arrived, not from when the heartbeat was sent.
    LeaseFromReceipt,
    /// A change is applied to any copy of the same version, whatever its tag.
    PatchWrongStamp,
    /// A fill is installed although the session ended while it was in flight.
    ForgetTombstone,
    /// A change is applied although the stamp that it announces does not follow from its op id.
    TrustPublisher,
    /// A heartbeat to one partition confirms the changes of all, where one connection carries them.
    TrustAnyHeartbeat,
    /// The check whether a fill may be installed, and its installation, are two steps.
    CheckThenInsert,
}

pub(crate) fn weakened(mut floor: FillFloor, mutant: Option<Mutant>) -> FillFloor {
    match mutant {
        Some(Mutant::DropFloor) => floor.stamp = None,
        Some(Mutant::ForgetTombstone) => floor.ended = false,
        _ => {}
    }
    floor
}

pub(crate) fn patches_wrongly(copy: Stamp, before: Option<Stamp>, mutant: Option<Mutant>) -> bool {
    mutant == Some(Mutant::PatchWrongStamp) && before.is_some_and(|before| before.version() == copy.version())
}
