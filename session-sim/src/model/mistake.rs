//! The mistakes.

/// A rule of the protocol that is left out. Each mistake has a counterexample, so each rule is necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// A fill is installed although the node has seen a newer state since.
    NoFloor,
    /// A fill is installed although the epoch ended while it was in flight.
    FillAcrossEpoch,
    /// The lease runs from when the reply to the heartbeat was taken out, not from when the heartbeat was sent.
    LeaseFromReceipt,
    /// Between the loss of the feed and the next subscription, copies are served without a lease.
    ServeDisconnected,
    /// Neither the loss of the feed nor the new subscription ends the epoch and the lease.
    NoEpochAfterGap,
    /// The loss of the feed ends the epoch, but the new subscription does not.
    NoEpochAtSubscription,
    /// The reply to a heartbeat overtakes changes, as it can on a separate connection.
    HeartbeatElsewhere,
    /// A change is applied to a copy with the version before it, whatever the copy's tag.
    PatchByVersion,
    /// A node's own write is applied to its copy although the epoch ended while the answer was in flight.
    PatchAcrossEpoch,
    /// A destroy does not mark the fills in flight.
    ForgetEnded,
    /// A fill is checked in one step and inserted in a later one.
    CheckThenInsert,
    /// A premise is left out: loads may go to an old primary although the feed is already at the new one.
    LoadFromOldPrimary,
    /// A premise is left out: an old primary that lost its replicas answers heartbeats.
    OldPrimaryBeats,
}
