//! A whole run: from the servers to the history.

use std::{collections::BTreeMap, fmt, io, sync::Arc, time::Duration};

use fastrand::Rng;
use parking_lot::Mutex;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    FaultKind, Options, Topology,
    client::Clients,
    deployment::Deployment,
    nemesis::Nemesis,
    node::Node,
    options::{CALL_DEADLINE, MAX_STALENESS, REPLICATION_LAG, SLACK},
    pool::Pool,
    saved_logs::SavedLogs,
};
use crate::{
    history::{Event, Micros, Recorder, Setup},
    worker::{NodeConfig, StoreKind},
};

/// How long the nodes may take to reach the store again after the last fault.
const RECOVERY: Duration = Duration::from_secs(60);

/// How long a node that has reached the store may take to repeat its destroys: it tries again at least once a second.
const REPEATS: Duration = Duration::from_secs(3);

/// The figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// How often each fault occurred.
    pub faults: BTreeMap<FaultKind, usize>,
    /// Failovers that no fault was meant to cause.
    pub unplanned_failovers: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: usize = self.faults.values().sum();
        write!(f, "{total} faults")?;
        for (fault, count) in &self.faults {
            write!(f, ", {fault:?} {count}")?;
        }
        write!(f, "; {} unplanned failovers", self.unplanned_failovers)
    }
}

/// Runs clients against faults, and writes the history and the servers' logs. The logs are written even if it fails.
///
/// # Errors
/// If a worker does not start, the history cannot be written, or a node does not reach the store again after the last
/// fault.
///
/// # Panics
/// If servers do not start or do not agree in time, as `session-testkit` documents.
pub async fn run(options: &Options) -> io::Result<Summary> {
    let deployment = Arc::new(Deployment::start(options.topology).await);
    let _logs = SavedLogs { deployment: deployment.clone(), dir: options.dir.clone() };
    let nodes = start_nodes(options, &deployment).await?;
    let recorder = Recorder::create(&options.history(), &setup(options))?;
    let clients = Arc::new(Clients { pool: Mutex::new(Pool::default()), recorder });
    let end = Instant::now() + options.time;
    let mut rng = Rng::with_seed(options.seed);
    let mut tasks = JoinSet::new();
    for node in &nodes {
        for _ in 0..options.clients {
            let (clients, node, rng) = (clients.clone(), node.clone(), rng.fork());
            tasks.spawn(async move { clients.run(&node, rng, end).await.map_err(io::Error::other) });
        }
    }
    let nemesis = Nemesis::new(deployment.clone(), nodes.clone(), clients.clone(), &options.faults);
    let summary = nemesis.run(&mut rng, end).await?;
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    deployment.settle().await;
    let may_repeat = options.topology != Topology::Single;
    let settled = timeout(RECOVERY, settle(&clients, &nodes, may_repeat)).await;
    clients.recorder.finish()?;
    settled.map_err(|_| io::Error::other("a node does not reach the store again"))?;
    Ok(summary)
}

/// Lets every node find its way back, and reads everything twice: a node may need one load to find out what was lost.
async fn settle(clients: &Arc<Clients>, nodes: &[Arc<Node>], may_repeat: bool) {
    for settled in [false, true] {
        for node in nodes {
            clients.count(node).await;
        }
        if may_repeat && settled {
            sleep(REPEATS).await;
        }
        let mut reads = JoinSet::new();
        for node in nodes {
            let (clients, node) = (clients.clone(), node.clone());
            reads.spawn(async move { clients.read_all(&node, settled).await });
        }
        // A task that panics is missing from the history, and shows as reads that were not made.
        while reads.join_next().await.is_some() {}
    }
    for node in nodes {
        if let Some((process, counters)) = clients.count(node).await {
            clients.recorder.record(|at| Event::Counted { at, process, counters });
        }
    }
}

async fn start_nodes(options: &Options, deployment: &Deployment) -> io::Result<Vec<Arc<Node>>> {
    let mut nodes = Vec::new();
    for number in 0..options.nodes {
        let store = if is_caching(options, number) { StoreKind::Tiered } else { StoreKind::Redis };
        let config = NodeConfig {
            topology: deployment.kind(),
            urls: Vec::new(),
            store,
            max_staleness_ms: u64::try_from(MAX_STALENESS.as_millis()).unwrap_or(u64::MAX),
            call_deadline_ms: u64::try_from(CALL_DEADLINE.as_millis()).unwrap_or(u64::MAX),
            mutant: options.mutant,
        };
        nodes.push(Arc::new(Node::start(number, deployment, options.worker.clone(), config).await?));
    }
    Ok(nodes)
}

/// All nodes but the last have a cache.
fn is_caching(options: &Options, node: u32) -> bool {
    options.nodes == 1 || node + 1 < options.nodes
}

fn setup(options: &Options) -> Setup {
    let micros = |duration: Duration| Micros::try_from(duration.as_micros()).unwrap_or(Micros::MAX);
    Setup {
        topology: format!("{:?}", options.topology).to_lowercase(),
        seed: options.seed,
        mutant: options.mutant.map(|mutant| format!("{mutant:?}")),
        max_staleness: micros(MAX_STALENESS),
        call_deadline: micros(CALL_DEADLINE),
        slack: micros(SLACK),
        caching_nodes: (0..options.nodes).filter(|node| is_caching(options, *node)).collect(),
        replication_lag: micros(REPLICATION_LAG),
    }
}
