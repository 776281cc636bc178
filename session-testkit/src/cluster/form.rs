//! Turns single servers into a cluster.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::task::JoinSet;

use crate::{Cluster, ClusterBuilder, LinkCutter, Node, cluster::SLOTS};

pub(super) async fn form(builder: ClusterBuilder) -> Cluster {
    let count = builder.primaries * (1 + builder.replicas_each);
    assert!(builder.primaries > 0, "a cluster needs a primary");
    let cluster = Cluster { nodes: start(&builder, count).await };
    number(&cluster).await;
    assign(&cluster, builder.primaries).await;
    meet(&cluster).await;
    replicate(&cluster, builder.primaries).await;
    cluster.wait_until_agreed_by(count).await;
    cluster.wait_until_splittable().await;
    cluster
}

/// Starts all nodes at once; a node waits two seconds from its own start before it serves.
async fn start(builder: &ClusterBuilder, count: usize) -> Vec<Node> {
    let (mut starting, can_split) = (JoinSet::new(), builder.can_split);
    for index in 0..count {
        let (builder, behind_link) = (builder.node.clone(), builder.behind_links);
        let source = can_split.then(|| source(index));
        starting.spawn(async move { (index, node(builder, behind_link, source).await) });
    }
    let mut nodes = Vec::new();
    while let Some(node) = starting.join_next().await {
        // A panic during a start is passed on to the test.
        nodes.push(node.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
    }
    nodes.sort_by_key(|(index, _)| *index);
    nodes.into_iter().map(|(_, node)| node).collect()
}

async fn node(mut builder: crate::ServerBuilder, behind_link: bool, source: Option<IpAddr>) -> Node {
    let (mut link, mut bus) = (None, None);
    if behind_link {
        let cutter = unconnected(&builder).await;
        builder = builder.config("cluster-announce-port", cutter.port());
        link = Some(cutter);
    }
    if let Some(source) = source {
        let cutter = unconnected(&builder).await;
        builder = builder.config("cluster-announce-bus-port", cutter.port()).config("bind-source-addr", source);
        // The others would take the source for the node's address.
        builder = builder.config("cluster-announce-ip", Ipv4Addr::LOCALHOST);
        bus = Some((cutter, source));
    }
    let server = builder.start().await;
    if let Some(link) = &link {
        link.point_at(server.addr());
    }
    if let Some((cutter, _)) = &bus {
        cutter.point_at(SocketAddr::from((Ipv4Addr::LOCALHOST, server.bus_port())));
    }
    let id = server.command(&["CLUSTER", "MYID"]).await.text();
    Node { server, id, link, bus }
}

/// A link to a server that must know the link's port before it starts. The link learns the server's afterwards.
async fn unconnected(builder: &crate::ServerBuilder) -> LinkCutter {
    assert!(builder.certificates().is_none(), "links can be cut on plain TCP only");
    LinkCutter::to(SocketAddr::from((Ipv4Addr::LOCALHOST, 1))).await
}

/// The address that a node connects from, by which links tell nodes apart.
fn source(index: usize) -> IpAddr {
    let last = u8::try_from(index + 1).expect("a cluster of a test has few nodes");
    IpAddr::from([127, 0, 1, last])
}

/// Gives every node a different epoch, so that the nodes need not resolve a collision.
async fn number(cluster: &Cluster) {
    for (index, node) in cluster.nodes.iter().enumerate() {
        let epoch = (index + 1).to_string();
        node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await.expect("the node takes an epoch");
    }
}

/// The first nodes become primaries, each with an even share of the slots.
async fn assign(cluster: &Cluster, primaries: usize) {
    let bound = |index: usize| usize::from(SLOTS) * index / primaries;
    for (index, node) in cluster.nodes.iter().take(primaries).enumerate() {
        let (first, last) = (bound(index).to_string(), (bound(index + 1) - 1).to_string());
        node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await.expect("the node takes its slots");
    }
}

/// Every node meets every other: waiting for gossip would take longer.
async fn meet(cluster: &Cluster) {
    for (index, node) in cluster.nodes.iter().enumerate() {
        for other in &cluster.nodes[index + 1..] {
            let (port, bus) = (other.main_port().to_string(), other.bus_port().to_string());
            node.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await.expect("the nodes meet");
        }
    }
}

async fn replicate(cluster: &Cluster, primaries: usize) {
    for (index, node) in cluster.nodes.iter().enumerate().skip(primaries) {
        let primary = &cluster.nodes[index % primaries].id;
        node.wait("the replica knows its primary", || async {
            node.command(&["CLUSTER", "REPLICATE", primary]).await.is_ok().then_some(())
        })
        .await;
    }
}
