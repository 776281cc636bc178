//! Faults of one node: of its process, and of its links.

use std::{io, sync::Arc, time::Duration};

use fastrand::Rng;

use super::{FaultKind, Nemesis, last};
use crate::harness::{node::Node, proxy::LinkFault};

impl Nemesis {
    /// Breaks a node and repairs it; returns what was done.
    pub(super) async fn break_node(&self, fault: FaultKind, rng: &mut Rng) -> io::Result<String> {
        let Some(node) = self.victim(fault, rng) else { return Ok("there is no node".to_owned()) };
        let _right = node.begin_fault().await;
        match fault {
            FaultKind::WorkerPaused => {
                node.pause().await?;
                last(rng, 200..2_500).await;
                node.resume().await?;
            }
            FaultKind::WorkerKilled => node.replace().await?,
            FaultKind::LinksCut => links(node, LinkFault::Cut, rng, 200..2_000).await,
            FaultKind::LinksHeld => links(node, LinkFault::Hold, rng, 200..2_500).await,
            FaultKind::RepliesLost => {
                node.set_links(LinkFault::HoldReplies);
                last(rng, 50..1_500).await;
                links(node, LinkFault::Cut, rng, 10..50).await;
            }
            FaultKind::RequestsLate => links(node, LinkFault::HoldRequests, rng, 3_000..5_000).await,
            FaultKind::LinksHalfOpen => links(node, LinkFault::HalfOpen, rng, 200..2_500).await,
            FaultKind::LinksSlow => {
                let delay = Duration::from_millis(rng.u64(20..300));
                links(node, LinkFault::Delay(delay), rng, 500..2_500).await;
            }
            _ => links(node, LinkFault::Throttle(rng.u32(4_000..40_000)), rng, 500..2_500).await,
        }
        Ok(format!("{fault:?} of node {}", node.number()))
    }
}

impl Nemesis {
    /// Any node. The first is never killed, so that the counters of a process with a cache cover the whole run.
    fn victim(&self, fault: FaultKind, rng: &mut Rng) -> Option<&Arc<Node>> {
        let spared = usize::from(fault == FaultKind::WorkerKilled && self.nodes.len() > 1);
        let nodes = self.nodes.get(spared..)?;
        nodes.get(rng.usize(..nodes.len().max(1)))
    }
}

async fn links(node: &Node, fault: LinkFault, rng: &mut Rng, millis: std::ops::Range<u64>) {
    node.set_links(fault);
    last(rng, millis).await;
    node.set_links(LinkFault::None);
}
