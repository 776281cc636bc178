//! The kinds of fault.

use clap::ValueEnum;

use crate::harness::deployment::Deployment;

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum FaultKind {
    /// A worker is stopped (`SIGSTOP`) and continued.
    WorkerPaused,
    /// A worker is killed and replaced.
    WorkerKilled,
    /// All links of a node are closed, and new ones are refused.
    LinksCut,
    /// Nothing passes on the links of a node, in either direction, and then everything does.
    LinksHeld,
    /// Requests of a node arrive, and the replies are lost.
    RepliesLost,
    /// Requests of a node arrive seconds late, when their calls have ended.
    RequestsLate,
    /// The network forgets the links of a node without a sign.
    LinksHalfOpen,
    /// The links of a node are slow.
    LinksSlow,
    /// The links of a node pass few bytes.
    LinksThrottled,
    /// A server closes the connections of its clients.
    ClientsKilled,
    /// A server closes the connections of its subscribers.
    SubscribersKilled,
    /// A server keeps its clients waiting (`CLIENT PAUSE`).
    ClientsPaused,
    /// A server is stopped for less than a failover takes.
    ServerPaused,
    /// A server sleeps (`DEBUG SLEEP`).
    ServerSleeps,
    /// A server forgets its scripts.
    ScriptsFlushed,
    /// The only server is killed and restarted.
    ServerKilled,
    /// A failover is ordered, of Sentinel or of the cluster.
    FailoverOrdered,
    /// A primary is killed, replaced, and restarted.
    PrimaryKilled,
    /// Replicas receive nothing from a primary for a time.
    ReplicationHeld,
    /// The same, and then the primary is killed and replaced: the new primary does not have its last writes.
    PrimaryKilledAhead,
    /// A primary is stopped until it is replaced, and continued.
    PrimaryPaused,
    /// A primary is cut off from its replicas and from the sentinels, and all nodes still reach it, until it is replaced.
    PrimaryIsolated,
    /// The same, and one node is on the side of the old primary: it reaches no other server and no sentinel.
    NodeIsolatedWithPrimary,
    /// A replica is stopped and continued.
    ReplicaPaused,
    /// A sentinel is stopped and continued.
    SentinelPaused,
    /// A slot of the cluster moves with its keys.
    SlotMoved,
}

impl FaultKind {
    pub(super) fn is_of_a_node(self) -> bool {
        self <= Self::LinksThrottled
    }

    /// Whether the topology has this fault.
    pub(super) fn is_possible(self, deployment: &Deployment) -> bool {
        match self {
            Self::ServerKilled => matches!(deployment, Deployment::Single(_)),
            Self::FailoverOrdered
            | Self::PrimaryKilled
            | Self::PrimaryPaused
            | Self::ReplicaPaused
            | Self::ReplicationHeld => !matches!(deployment, Deployment::Single(_)),
            Self::PrimaryIsolated | Self::NodeIsolatedWithPrimary | Self::SentinelPaused => {
                matches!(deployment, Deployment::Sentinel(_))
            }
            Self::SlotMoved | Self::PrimaryKilledAhead => matches!(deployment, Deployment::Cluster(_)),
            _ => true,
        }
    }

    /// Whether it is meant to replace a primary.
    pub(super) fn is_failover(self) -> bool {
        matches!(
            self,
            Self::FailoverOrdered
                | Self::PrimaryKilled
                | Self::PrimaryKilledAhead
                | Self::PrimaryPaused
                | Self::PrimaryIsolated
                | Self::NodeIsolatedWithPrimary
        )
    }

    /// Whether the store may lose acknowledged writes by it. `session-redis/DURABILITY.md` says so of every failover but
    /// one that a cluster is ordered to make, and of no other fault here: a single server writes to disk before
    /// it answers, and a slot that moves loses nothing.
    pub(super) fn loses_writes(self, deployment: &Deployment) -> bool {
        let is_cluster = matches!(deployment, Deployment::Cluster(_));
        self.is_failover() && !(is_cluster && self == Self::FailoverOrdered)
    }
}
