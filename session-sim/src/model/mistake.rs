//! What can be done wrong.

/// One rule of the protocol, left out. Each has a counterexample, so each rule is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// A fill is installed though the node has seen something newer since.
    NoFloor,
    /// A fill is installed though the epoch ended while it was on its way.
    FillAcrossEpoch,
    /// The lease runs from when the heartbeat's reply was taken out, not from when the heartbeat was sent.
    LeaseFromReceipt,
    /// From the loss of the feed until the next subscription finds the gap, copies are served without a lease.
    ServeDisconnected,
    /// Neither the loss of the feed nor the new subscription ends the epoch and the lease.
    NoEpochAfterGap,
    /// The loss of the feed ends the epoch, the new subscription does not.
    NoEpochAtSubscription,
    /// The reply to a heartbeat overtakes the changes, as it can on a connection of its own.
    HeartbeatElsewhere,
    /// A change is applied to a copy whose version is the one before, whatever its tag.
    PatchByVersion,
    /// A node's own write is applied to its copy though the epoch ended while the answer was on its way.
    PatchAcrossEpoch,
    /// A destroy does not mark the fills that are on their way.
    ForgetEnded,
    /// A fill is checked in one step and inserted in another.
    CheckThenInsert,
    /// A premise left out: loads may go to an old primary though the feed is already on the new one.
    LoadFromOldPrimary,
    /// A premise left out: an old primary that lost its replicas answers heartbeats.
    OldPrimaryBeats,
}
