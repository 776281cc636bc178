//! Faults of primaries, replicas, sentinels and slots.

use std::io;

use fastrand::Rng;
use session_testkit::{Cluster, Direction, LinkCutter, Node as ClusterNode, Reply, SentinelTrio, Server};
use tokio::time::{Duration, Instant, sleep};

use super::{FaultKind, Nemesis, last};
use crate::harness::{deployment::Deployment, proxy::LinkFault};

const SLOTS: u16 = 16_384;
/// How many keys are looked at to find a slot in use.
const SAMPLE: usize = 30;

impl Nemesis {
    /// Breaks what only some topologies have, and repairs it; returns what was done when all servers agree again.
    pub(super) async fn break_topology(&self, fault: FaultKind, rng: &mut Rng) -> io::Result<String> {
        let what = match &*self.deployment {
            Deployment::Single(_) => String::new(),
            Deployment::Sentinel(trio) => self.break_trio(trio, fault, rng).await,
            Deployment::Cluster(cluster) => break_cluster(cluster, fault, rng).await,
        };
        self.deployment.settle().await;
        Ok(format!("{fault:?} {what}"))
    }

    async fn break_trio(&self, trio: &SentinelTrio, fault: FaultKind, rng: &mut Rng) -> String {
        let primary = trio.primary().await;
        match fault {
            FaultKind::FailoverOrdered => _ = trio.fail_over().await,
            FaultKind::PrimaryKilled => {
                primary.kill().await;
                trio.wait_for_new_primary(primary).await;
                last(rng, 100..1_000).await;
                primary.restart().await;
            }
            FaultKind::PrimaryPaused => {
                primary.pause().await;
                trio.wait_for_new_primary(primary).await;
                last(rng, 100..1_000).await;
                primary.resume().await;
            }
            FaultKind::ReplicationHeld => hold(trio.link_of(primary), rng).await,
            FaultKind::PrimaryIsolated => self.isolate(trio, None, rng).await,
            FaultKind::NodeIsolatedWithPrimary => {
                let node = rng.usize(..self.nodes.len().max(1));
                self.isolate(trio, Some(node), rng).await;
                return format!("of port {} and node {node}", primary.port());
            }
            FaultKind::ReplicaPaused => {
                if let Some(replica) = trio.replicas().await.first() {
                    replica.pause().await;
                    last(rng, 500..3_000).await;
                    replica.resume().await;
                }
            }
            _ => {
                if let Some(sentinel) = trio.sentinels().get(rng.usize(..trio.sentinels().len().max(1))) {
                    sentinel.pause().await;
                    last(rng, 500..3_000).await;
                    sentinel.resume().await;
                }
            }
        }
        format!("of port {}", primary.port())
    }

    /// Isolates the primary from the other servers and the sentinels until some time after it was replaced. With a node,
    /// the network is divided: that node is on the side of the old primary, and all others are on the other side.
    async fn isolate(&self, trio: &SentinelTrio, with: Option<usize>, rng: &mut Rng) {
        let primary = trio.primary().await;
        let position = trio.servers().iter().position(|server| server == primary);
        let mut rights = Vec::new();
        if let (Some(with), Some(position)) = (with, position) {
            for (number, node) in self.nodes.iter().enumerate() {
                rights.push(node.begin_fault().await);
                let is_with = number == with;
                if is_with {
                    node.set_links(LinkFault::Hold);
                }
                let side = if is_with { LinkFault::None } else { LinkFault::Hold };
                node.set_link(position, side);
            }
        }
        let link = trio.link_of(primary);
        link.hold(Direction::Requests);
        link.hold(Direction::Replies);
        trio.wait_for_new_primary(primary).await;
        last(rng, 2_000..6_000).await;
        link.heal().await;
        self.nodes.iter().filter(|_| !rights.is_empty()).for_each(|node| node.set_links(LinkFault::None));
    }
}

/// Keeps a primary's stream from its replicas, for less than a failover takes.
async fn hold(link: &LinkCutter, rng: &mut Rng) {
    link.hold(Direction::Replies);
    last(rng, 300..2_000).await;
    link.release(Direction::Replies);
}

async fn break_cluster(cluster: &Cluster, fault: FaultKind, rng: &mut Rng) -> String {
    let slot = rng.u16(..SLOTS);
    let primary = cluster.primary_of(slot).await;
    let replicas = cluster.replicas_of(slot).await;
    match fault {
        FaultKind::SlotMoved => return move_slot(cluster, primary, rng).await,
        FaultKind::ReplicationHeld => hold(primary.link(), rng).await,
        FaultKind::PrimaryKilled | FaultKind::PrimaryKilledAhead if !replicas.is_empty() => {
            if fault == FaultKind::PrimaryKilledAhead {
                primary.link().hold(Direction::Replies);
                last(rng, 300..1_200).await;
            }
            primary.server().kill().await;
            cluster.wait_for_new_primary(slot, primary).await;
            last(rng, 100..1_000).await;
            primary.link().heal().await;
            primary.server().restart().await;
        }
        FaultKind::PrimaryPaused if !replicas.is_empty() => {
            primary.server().pause().await;
            cluster.wait_for_new_primary(slot, primary).await;
            last(rng, 100..1_000).await;
            primary.server().resume().await;
        }
        FaultKind::FailoverOrdered => {
            if let Some(replica) = replicas.first() {
                cluster.fail_over_to(replica).await;
            }
        }
        _ => {
            if let Some(replica) = replicas.first() {
                replica.server().pause().await;
                last(rng, 500..2_000).await;
                replica.server().resume().await;
            }
        }
    }
    until_roles_agree(cluster).await;
    format!("of port {}", primary.server().port())
}

/// The slot of the most recently used of some keys, so that it probably has a session in use.
async fn busy_slot(server: &Server) -> Option<u16> {
    let mut latest: Option<(i64, String)> = None;
    for _ in 0..SAMPLE {
        let key = server.command(&["RANDOMKEY"]).await;
        let Reply::Bulk(key) = key else { continue };
        let key = String::from_utf8(key).ok()?;
        // The key may be gone by now.
        let Reply::Int(idle) = server.command(&["OBJECT", "IDLETIME", &key]).await else { continue };
        if latest.as_ref().is_none_or(|(least, _)| idle < *least) {
            latest = Some((idle, key));
        }
    }
    let (_, key) = latest?;
    u16::try_from(server.command(&["CLUSTER", "KEYSLOT", &key]).await.int()).ok()
}

/// Moves the slot of some key to another primary.
async fn move_slot(cluster: &Cluster, from: &ClusterNode, rng: &mut Rng) -> String {
    let Some(slot) = busy_slot(from.server()).await else { return "of no key".to_owned() };
    let owner = cluster.primary_of(slot).await;
    let mut others = Vec::new();
    for node in cluster.nodes() {
        let is_primary = node.server().info("role").await.is_some_and(|role| role == "master");
        if is_primary && node != owner {
            others.push(node);
        }
    }
    match others.get(rng.usize(..others.len().max(1))) {
        Some(to) => {
            let moving = cluster.begin_move(slot, to).await;
            last(rng, 0..800).await;
            while moving.move_keys(3).await > 0 {
                last(rng, 0..100).await;
            }
            moving.finish().await;
            format!("{slot} from port {} to {}", owner.server().port(), to.server().port())
        }
        None => "to nowhere".to_owned(),
    }
}

/// Waits until no former primary still considers itself one: it has as many replicas as it should.
async fn until_roles_agree(cluster: &Cluster) {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let mut primaries = 0;
        for node in cluster.nodes() {
            primaries += usize::from(node.server().info("role").await.is_some_and(|role| role == "master"));
        }
        if 2 * primaries == cluster.nodes().len() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}
