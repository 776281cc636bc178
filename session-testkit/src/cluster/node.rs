//! One node of a cluster.

use std::{fmt, net::IpAddr, ops::Deref};

use crate::{LinkCutter, Server};

/// A server of a cluster. It can be used as a [`Server`].
pub struct Node {
    pub(super) server: Server,
    pub(super) id: String,
    pub(super) link: Option<LinkCutter>,
    /// The proxy through which other nodes reach its bus, and the address that it connects from.
    pub(super) bus: Option<(LinkCutter, IpAddr)>,
}

impl Node {
    /// The node's name in the cluster, 40 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The proxy through which clients and replicas reach this node.
    ///
    /// # Panics
    ///
    /// If the cluster was built without [`ClusterBuilder::behind_links`](crate::ClusterBuilder::behind_links).
    #[must_use]
    pub fn link(&self) -> &LinkCutter {
        self.link.as_ref().expect("the cluster's links cannot be cut: build it with `behind_links`")
    }

    /// The address that the cluster announces to clients.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.link {
            Some(link) => link.url(),
            None => self.server.url(),
        }
    }

    /// Another handle to the server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }
}

impl Deref for Node {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("id", &self.id).field("server", &self.server).finish_non_exhaustive()
    }
}
