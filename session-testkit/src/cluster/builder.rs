//! Options of a cluster.

use std::time::Duration;

use crate::{Cluster, ServerBuilder, cluster::form::form, server::Role};

/// Options of a [`Cluster`]. By default three primaries with one replica each.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClusterBuilder {
    pub(super) primaries: usize,
    pub(super) replicas_each: usize,
    pub(super) behind_links: bool,
    pub(super) can_split: bool,
    pub(super) node: ServerBuilder,
}

impl ClusterBuilder {
    pub(super) fn new() -> Self {
        let node = ServerBuilder::new(Role::ClusterNode)
            // Otherwise a primary whose last slot is moved away becomes a replica.
            .config("cluster-allow-replica-migration", "no");
        Self { primaries: 3, replicas_each: 1, behind_links: false, can_split: false, node }
            .node_timeout(Duration::from_secs(1))
    }

    /// Sets the number of primaries. A failover needs three.
    pub fn primaries(mut self, count: usize) -> Self {
        self.primaries = count;
        self
    }

    /// Sets the number of replicas of each primary.
    pub fn replicas_each(mut self, count: usize) -> Self {
        self.replicas_each = count;
        self
    }

    /// Sets the time after which a silent node counts as failed. Default: a second.
    pub fn node_timeout(self, timeout: Duration) -> Self {
        self.each(|node| node.config("cluster-node-timeout", timeout.as_millis()))
    }

    /// Sets options of every node: passwords, users, TLS, directives.
    pub fn each(mut self, options: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.node = options(self.node);
        self
    }

    /// Puts a [`LinkCutter`](crate::LinkCutter) in front of every node, whose address the node announces to clients and
    /// replicas: [`Node::link`](crate::Node::link). The cluster bus, which detects failures, bypasses it. Not available with
    /// TLS.
    pub fn behind_links(mut self) -> Self {
        self.behind_links = true;
        self
    }

    /// As [`behind_links`](Self::behind_links), and also puts a link in front of every node's bus, so that the network between
    /// the nodes can split: [`Cluster::isolate`].
    pub fn can_split(mut self) -> Self {
        self.can_split = true;
        self.behind_links()
    }

    /// Starts the nodes, joins them, and waits until all of them consider the cluster healthy and all replicas are
    /// synchronised. It takes a little more than two seconds, since no new primary serves earlier.
    ///
    /// # Panics
    ///
    /// As [`ServerBuilder::start`], and if the nodes do not agree within 30 s.
    pub async fn start(self) -> Cluster {
        form(self).await
    }
}
