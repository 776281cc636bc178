//! Which primary a request goes to.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use super::{Address, Failure, Slot, cluster::Cluster, net::within, node::Node};

/// Which primary a request goes to.
pub(super) enum Routes {
    /// Always the same.
    One(Arc<Node>),
    /// That of the slot.
    Cluster(Cluster),
}

/// A primary and its slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Primary {
    /// Where it listens.
    pub(crate) address: Address,
    /// Its slots, in order.
    pub(crate) slots: Vec<RangeInclusive<u16>>,
}

impl Routes {
    /// The primary of a slot, if one is known.
    pub(super) fn owner(&self, slot: Slot) -> Option<Arc<Node>> {
        match self {
            Self::One(node) => Some(node.clone()),
            Self::Cluster(cluster) => cluster.owner(slot),
        }
    }

    /// Returns once a slot has another primary than this one.
    pub(super) async fn reassigned(&self, slot: Slot, from: Option<&Arc<Node>>) {
        match self {
            Self::One(_) => std::future::pending().await,
            Self::Cluster(cluster) => cluster.reassigned(slot, from).await,
        }
    }

    /// Notes that a slot has moved for good, and gives its new primary.
    pub(super) fn moved(&self, slot: Slot, place: &str, asked: &Address) -> Result<Arc<Node>, Failure> {
        match self {
            Self::One(_) => Err(redirected_outside_a_cluster()),
            Self::Cluster(cluster) => cluster.moved(slot, place, asked),
        }
    }

    /// The node that a redirection for one request names.
    pub(super) fn at(&self, place: &str, asked: &Address) -> Result<Arc<Node>, Failure> {
        match self {
            Self::One(_) => Err(redirected_outside_a_cluster()),
            Self::Cluster(cluster) => cluster.at(place, asked),
        }
    }

    pub(super) fn refresh(&self) {
        match self {
            Self::One(node) => node.suspect(),
            Self::Cluster(cluster) => cluster.refresh(),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        match self {
            Self::One(node) => node.aboard(),
            Self::Cluster(cluster) => cluster.in_flight(),
        }
    }

    /// Returns once requests can be sent.
    pub(super) async fn ready(&self, deadline: Duration) -> Result<(), Failure> {
        match self {
            Self::One(node) => {
                within(deadline, async { node.wait().await.map(drop) }, || Failure::Unsent(node.trouble())).await
            }
            Self::Cluster(cluster) => cluster.ready(deadline).await,
        }
    }

    pub(super) async fn primaries(&self, deadline: Duration) -> Result<Vec<Primary>, Failure> {
        match self {
            Self::One(node) => {
                let link = within(deadline, node.wait(), || Failure::Unsent(node.trouble())).await?;
                Ok(vec![Primary { address: link.address.clone(), slots: vec![0..=Slot::COUNT - 1] }])
            }
            Self::Cluster(cluster) => cluster.primaries(deadline).await,
        }
    }
}

fn redirected_outside_a_cluster() -> Failure {
    Failure::fatal("the server sent a request to another node; set `topology` to `cluster`")
}
