//! Splits of the network between nodes.

use std::net::{IpAddr, Ipv4Addr};

use crate::{Cluster, Node};

impl Cluster {
    /// Splits the network silently: `node` and all clients are on one side, all other nodes on the other. The commands of
    /// this kit reach both sides.
    ///
    /// # Panics
    ///
    /// If the cluster was built without [`ClusterBuilder::can_split`](crate::ClusterBuilder::can_split).
    pub fn isolate(&self, node: &Node) {
        let others: Vec<IpAddr> = self.nodes.iter().filter(|other| *other != node).map(|other| bus(other).1).collect();
        let away = [bus(node).1, IpAddr::from(Ipv4Addr::LOCALHOST)];
        for one in &self.nodes {
            let from = if one == node { &others[..] } else { &away };
            one.link().sever(from);
            bus(one).0.sever(from);
        }
    }

    /// Removes every fault of the network.
    ///
    /// # Panics
    ///
    /// As [`LinkCutter::heal`](crate::LinkCutter::heal).
    pub async fn heal(&self) {
        for node in &self.nodes {
            for link in node.link.iter().chain(node.bus.iter().map(|(link, _)| link)) {
                link.heal().await;
            }
        }
    }

    /// Waits until every node reaches the buses of all others through their links.
    pub(super) async fn wait_until_splittable(&self) {
        let ports: Vec<String> =
            self.nodes.iter().filter_map(|node| Some(node.bus.as_ref()?.0.port().to_string())).collect();
        self.wait("the buses are behind links", || async {
            for node in &self.nodes {
                let known = node.try_command(&["CLUSTER", "NODES"]).await.ok()?.text();
                let at = |port: &String| known.split([' ', ',']).any(|word| word.ends_with(&format!("@{port}")));
                if !ports.iter().all(at) {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }
}

fn bus(node: &Node) -> &(crate::LinkCutter, IpAddr) {
    node.bus.as_ref().expect("the network between these nodes cannot split: build the cluster with `can_split`")
}
