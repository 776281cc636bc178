//! The servers of a topology.

use std::{net::SocketAddr, time::Duration};

use clap::ValueEnum;
use session_testkit::{Cluster, Persistence, SentinelTrio, Server};

use crate::worker::TopologyKind;

/// How the servers are organised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Topology {
    /// One server that writes every command to disk before it answers.
    Single,
    /// A primary with two replicas under three sentinels, with the settings that the doctor asks for.
    Sentinel,
    /// Three primaries with a replica each.
    Cluster,
}

/// Sentinels replace a primary that is silent for this long: at least two seconds more than `min-replicas-max-lag`.
const DOWN_AFTER: Duration = Duration::from_secs(4);
/// Nodes of a cluster count as failed after this time. On a busy machine a shorter one leads to failovers by chance.
const NODE_TIMEOUT: Duration = Duration::from_secs(3);

/// Running servers.
#[derive(Debug)]
pub(crate) enum Deployment {
    Single(Server),
    Sentinel(SentinelTrio),
    Cluster(Cluster),
}

/// A server as workers reach it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint {
    pub(crate) addr: SocketAddr,
    /// The port at which sentinels or cluster nodes announce it.
    pub(crate) announced: u16,
}

impl Deployment {
    pub(crate) async fn start(topology: Topology) -> Self {
        match topology {
            Topology::Single => Self::Single(Server::builder().persistence(Persistence::AofAlways).start().await),
            Topology::Sentinel => {
                let trio = SentinelTrio::builder().min_replicas_to_write(1, 1).down_after(DOWN_AFTER).behind_links();
                Self::Sentinel(trio.start().await)
            }
            Topology::Cluster => {
                let cluster = Cluster::builder().node_timeout(NODE_TIMEOUT).behind_links();
                Self::Cluster(cluster.start().await)
            }
        }
    }

    pub(crate) fn kind(&self) -> TopologyKind {
        match self {
            Self::Single(_) => TopologyKind::Single,
            Self::Sentinel(trio) => TopologyKind::Sentinel(trio.master_name().to_owned()),
            Self::Cluster(_) => TopologyKind::Cluster,
        }
    }

    /// The servers that have data.
    pub(crate) fn servers(&self) -> Vec<&Server> {
        match self {
            Self::Single(server) => vec![server],
            Self::Sentinel(trio) => trio.servers().iter().collect(),
            Self::Cluster(cluster) => cluster.nodes().iter().map(|node| node.server()).collect(),
        }
    }

    /// All servers, each with its kind.
    pub(crate) fn all_servers(&self) -> impl Iterator<Item = (&'static str, &Server)> {
        let sentinels = match self {
            Self::Sentinel(trio) => trio.sentinels(),
            _ => &[],
        };
        let servers = self.servers().into_iter().map(|server| ("server", server));
        servers.chain(sentinels.iter().map(|sentinel| ("sentinel", sentinel)))
    }

    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let announced = |server: &Server| match self {
            Self::Sentinel(trio) => trio.link_of(server).port(),
            Self::Cluster(cluster) => {
                let node = cluster.nodes().iter().find(|node| node.server() == server);
                node.map_or_else(|| server.port(), |node| node.link().port())
            }
            Self::Single(server) => server.port(),
        };
        let endpoint = |server: &Server| Endpoint { addr: server.addr(), announced: announced(server) };
        self.servers().into_iter().map(endpoint).collect()
    }

    pub(crate) fn sentinels(&self) -> Vec<SocketAddr> {
        match self {
            Self::Sentinel(trio) => trio.sentinels().iter().map(Server::addr).collect(),
            _ => Vec::new(),
        }
    }

    /// The ports of the servers that are primaries. A difference between two answers is a failover.
    pub(crate) async fn primaries(&self) -> Vec<u16> {
        let mut primaries = Vec::new();
        for server in self.servers() {
            if server.info("role").await.is_some_and(|role| role == "master") {
                primaries.push(server.port());
            }
        }
        primaries
    }

    /// Waits until the servers agree on who is a primary, and every replica is synchronised.
    pub(crate) async fn settle(&self) {
        match self {
            Self::Single(server) => server.wait_until_loaded().await,
            Self::Sentinel(trio) => trio.wait_until_settled().await,
            Self::Cluster(cluster) => cluster.wait_until_agreed().await,
        }
    }
}
