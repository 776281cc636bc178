//! Selects the primary for a request.

use std::{sync::Arc, time::Duration};

use super::{Address, Cause, Failure, HashSlot, Primary, cluster::Cluster, deadline::within, node::Node};

/// Selects the primary for a request.
pub(super) enum Routes {
    /// One primary has all slots.
    Single(Arc<Node>),
    /// Each slot has its primary.
    Cluster(Cluster),
}

impl Routes {
    /// The primary of a slot, if one is known.
    pub(super) fn owner(&self, slot: HashSlot) -> Option<Arc<Node>> {
        match self {
            Self::Single(node) => Some(node.clone()),
            Self::Cluster(cluster) => cluster.owner(slot),
        }
    }

    /// Waits for the primary of a slot. `report` gets the reason for each further wait.
    pub(super) async fn wait_for_owner(
        &self,
        slot: HashSlot,
        report: impl FnMut(Cause) + Send,
    ) -> Result<Arc<Node>, Failure> {
        match self {
            Self::Single(node) => Ok(node.clone()),
            Self::Cluster(cluster) => cluster.wait_for_owner(slot, report).await,
        }
    }

    /// Returns once a slot has another primary than this one.
    pub(super) async fn reassigned(&self, slot: HashSlot, from: Option<&Arc<Node>>) {
        match self {
            Self::Single(_) => std::future::pending().await,
            Self::Cluster(cluster) => cluster.reassigned(slot, from).await,
        }
    }

    /// Records that a slot has moved permanently, and returns its new primary.
    pub(super) fn moved(&self, slot: HashSlot, place: &str, asked: &Address) -> Result<Arc<Node>, Failure> {
        match self {
            Self::Single(_) => Err(redirected_outside_a_cluster()),
            Self::Cluster(cluster) => cluster.moved(slot, place, asked),
        }
    }

    /// The node named by a redirection of one request.
    pub(super) fn at(&self, place: &str, asked: &Address) -> Result<Arc<Node>, Failure> {
        match self {
            Self::Single(_) => Err(redirected_outside_a_cluster()),
            Self::Cluster(cluster) => cluster.at(place, asked),
        }
    }

    /// Starts the tasks that keep the connections, if none run: the runtime of the last ones may have ended.
    pub(super) fn start(&self) -> Result<(), Failure> {
        match self {
            Self::Single(node) => node.start(),
            Self::Cluster(cluster) => cluster.start(),
        }
    }

    pub(super) fn refresh(&self) {
        match self {
            Self::Single(node) => node.request_check(),
            Self::Cluster(cluster) => cluster.refresh(),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        match self {
            Self::Single(node) => node.in_flight(),
            Self::Cluster(cluster) => cluster.in_flight(),
        }
    }

    /// Returns once requests can be sent.
    pub(super) async fn ready(&self, limit: Duration) -> Result<(), Failure> {
        match self {
            Self::Single(node) => {
                within(limit, node.connected(), || Failure::Unsent(node.down_cause())).await.map(drop)
            }
            Self::Cluster(cluster) => cluster.ready(limit).await,
        }
    }

    pub(super) async fn primaries(&self, limit: Duration) -> Result<Vec<Primary>, Failure> {
        match self {
            Self::Single(node) => {
                let connection = within(limit, node.connected(), || Failure::Unsent(node.down_cause())).await?;
                Ok(vec![Primary { address: connection.address.clone(), slots: vec![0..=HashSlot::COUNT - 1] }])
            }
            Self::Cluster(cluster) => cluster.primaries(limit).await,
        }
    }
}

fn redirected_outside_a_cluster() -> Failure {
    Failure::fatal("the server sent a request to another node; set `topology` to `cluster`")
}
