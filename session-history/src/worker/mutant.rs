//! Nodes that are wrong on purpose. The checker must catch each.

mod memory;
mod wrong;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub(super) use wrong::Wrong;

/// The defect of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mutant {
    /// It answers loads at level Local from what it once saw, for longer than the bound.
    StaleCopies,
    /// It answers loads at level Store from what it saw a moment ago.
    StaleStoreReads,
    /// It answers loads from before its own writes.
    ForgetsOwnWrites,
    /// It answers every third load from an older state than it has shown.
    Reorders,
    /// It ignores floors.
    IgnoresFloors,
    /// It sends every update twice, with two op ids.
    FreshOpIds,
    /// It acknowledges every fourth update without sending it.
    DropsWrites,
    /// It sends every fourth update long after it has answered that the outcome is unknown.
    SendsLate,
    /// It acknowledges destroys without sending them.
    DropsDestroys,
    /// It shows a session that has ended as the session that it last saw.
    Resurrects,
    /// It shows an absent session as an empty one.
    AbsentIsEmpty,
    /// It reports a session as absent when the load failed.
    FailedIsAbsent,
    /// It reports updates of unknown outcome as refused.
    UnknownIsRefused,
    /// It ignores preconditions.
    IgnoresPreconditions,
    /// It carries out sign-ins as renewals: the old id goes on giving access.
    RenewsForPrivilege,
}

impl Mutant {
    /// The rule that must catch it.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::StaleCopies => "bounded_staleness",
            Self::StaleStoreReads => "store_reads",
            Self::ForgetsOwnWrites => "read_your_writes",
            Self::Reorders => "monotonic_reads",
            Self::IgnoresFloors => "floors",
            Self::FreshOpIds | Self::SendsLate => "exactly_once",
            Self::DropsWrites => "lost_updates",
            Self::DropsDestroys | Self::Resurrects | Self::AbsentIsEmpty => "destroyed",
            Self::FailedIsAbsent => "absence",
            Self::UnknownIsRefused => "refused",
            Self::IgnoresPreconditions => "counter",
            Self::RenewsForPrivilege => "rotation",
        }
    }
}
