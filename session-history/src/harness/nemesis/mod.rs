//! The nemesis: one schedule of faults of nodes, and one of faults of servers, side by side.

mod kind;
mod node_faults;
mod server_faults;
mod topology_faults;

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use super::{Summary, client::Clients, deployment::Deployment, node::Node};
use crate::history::Fault;
pub use kind::FaultKind;

/// How often each fault occurred.
pub(super) type Faults = BTreeMap<FaultKind, usize>;

/// Breaks things, and repairs them.
pub(super) struct Nemesis {
    deployment: Arc<Deployment>,
    nodes: Vec<Arc<Node>>,
    clients: Arc<Clients>,
    node_faults: Vec<FaultKind>,
    server_faults: Vec<FaultKind>,
}

impl Nemesis {
    pub(super) fn new(
        deployment: Arc<Deployment>,
        nodes: Vec<Arc<Node>>,
        clients: Arc<Clients>,
        faults: &[FaultKind],
    ) -> Self {
        let possible = faults.iter().copied().filter(|fault| fault.is_possible(&deployment));
        let (node_faults, server_faults) = possible.partition(|fault| fault.is_of_a_node());
        Self { deployment, nodes, clients, node_faults, server_faults }
    }

    /// Runs both schedules until the end; returns when all is repaired.
    pub(super) async fn run(&self, rng: &mut Rng, end: Instant) -> io::Result<Summary> {
        let (node_rng, server_rng) = (rng.fork(), rng.fork());
        let (of_nodes, of_servers) =
            tokio::join!(self.schedule_nodes(node_rng, end), self.schedule_servers(server_rng, end));
        let (mut summary, faults) = (of_servers?, of_nodes?);
        summary.faults.extend(faults);
        Ok(summary)
    }

    async fn schedule_nodes(&self, mut rng: Rng, end: Instant) -> io::Result<Faults> {
        let (mut faults, mut deck) = (Faults::new(), Vec::new());
        while let Some(fault) = self.next(&mut deck, &self.node_faults, &mut rng, end).await {
            let since = self.clients.recorder.fault_began(&format!("{fault:?}"));
            let what = self.break_node(fault, &mut rng).await?;
            self.clients.recorder.fault_ended(Fault { what, since, loses_writes: false });
            *faults.entry(fault).or_default() += 1;
        }
        Ok(faults)
    }

    async fn schedule_servers(&self, mut rng: Rng, end: Instant) -> io::Result<Summary> {
        let (mut summary, mut deck) = (Summary::default(), Vec::new());
        let mut primaries = self.deployment.primaries().await;
        let mut checked = self.clients.recorder.now();
        while let Some(fault) = self.next(&mut deck, &self.server_faults, &mut rng, end).await {
            let since = self.clients.recorder.fault_began(&format!("{fault:?}"));
            let what = self.break_servers(fault, &mut rng).await?;
            let loses_writes = fault.loses_writes(&self.deployment);
            self.clients.recorder.fault_ended(Fault { what, since, loses_writes });
            *summary.faults.entry(fault).or_default() += 1;
            let now = self.deployment.primaries().await;
            if now != primaries && !loses_writes && !fault.is_failover() {
                summary.unplanned_failovers += 1;
                let what = format!("an unplanned failover during or before {fault:?}");
                self.clients.recorder.fault_ended(Fault { what, since: checked, loses_writes: true });
            }
            (primaries, checked) = (now, self.clients.recorder.now());
        }
        Ok(summary)
    }

    /// The next fault, after a calm: every fault once in a random order, then again.
    async fn next(
        &self,
        deck: &mut Vec<FaultKind>,
        all: &[FaultKind],
        rng: &mut Rng,
        end: Instant,
    ) -> Option<FaultKind> {
        if deck.is_empty() {
            deck.extend(all);
            rng.shuffle(deck);
        }
        sleep(Duration::from_millis(rng.u64(200..1_200))).await;
        if Instant::now() < end { deck.pop() } else { None }
    }
}

/// Lets a fault last for a time in milliseconds.
async fn last(rng: &mut Rng, millis: std::ops::Range<u64>) {
    sleep(Duration::from_millis(rng.u64(millis))).await;
}
