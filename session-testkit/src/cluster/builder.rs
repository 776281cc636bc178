//! How a cluster is to be.

use std::time::Duration;

use crate::{Cluster, ServerBuilder, cluster::form::form, server::Role};

/// Options of a [`Cluster`]. By default three primaries with one replica each.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClusterBuilder {
    pub(super) primaries: usize,
    pub(super) replicas_each: usize,
    pub(super) behind_links: bool,
    pub(super) node: ServerBuilder,
}

impl ClusterBuilder {
    pub(super) fn new() -> Self {
        let node = ServerBuilder::new(Role::ClusterNode)
            // Else a primary whose last slot is moved away becomes a replica.
            .config("cluster-allow-replica-migration", "no");
        Self { primaries: 3, replicas_each: 1, behind_links: false, node }.node_timeout(Duration::from_secs(1))
    }

    /// How many primaries. A failover needs three.
    pub fn primaries(mut self, count: usize) -> Self {
        self.primaries = count;
        self
    }

    /// How many replicas each primary has.
    pub fn replicas_each(mut self, count: usize) -> Self {
        self.replicas_each = count;
        self
    }

    /// After how long a silent node counts as failed. Default: a second.
    pub fn node_timeout(self, timeout: Duration) -> Self {
        self.each(|node| node.config("cluster-node-timeout", timeout.as_millis()))
    }

    /// Options for every node: passwords, users, TLS, directives.
    pub fn each(mut self, options: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.node = options(self.node);
        self
    }

    /// Every node tells clients and replicas the address of a [`LinkCutter`](crate::LinkCutter) of its own, at
    /// [`Node::link`](crate::Node::link). The nodes' own talk, by which they notice failures, does not go there. Not for
    /// TLS.
    pub fn behind_links(mut self) -> Self {
        self.behind_links = true;
        self
    }

    /// Starts the nodes, joins them, and waits until all of them agree that all works and all replicas are in step. It
    /// takes a little more than two seconds, since no new primary serves earlier.
    ///
    /// # Panics
    ///
    /// As [`ServerBuilder::start`], and if the nodes do not come to an agreement within 30 s.
    pub async fn start(self) -> Cluster {
        form(self).await
    }
}
