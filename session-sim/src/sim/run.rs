//! One run: from a seed to a verdict.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use session_core::store::SessionStore;

use super::{Coverage, Millis, NodeClock, Settings, Sim, SimStore, client::Client, node::LANES};
use crate::oracle::Violation;

/// How long a run may take, in virtual time.
const LONGEST: Duration = Duration::from_secs(300);
/// When faults begin.
const FAULTS: std::ops::Range<Millis> = 500..11_000;

/// What a node is made of.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its number.
    pub number: usize,
    /// The store across the network.
    pub store: SimStore,
    /// The node's clock.
    pub clock: NodeClock,
    /// What the run is like.
    pub settings: Settings,
}

/// The code under test: what a node's clients use. Made anew for each node of each run, inside the runtime.
pub type Subject<'s> = &'s (dyn Fn(Node) -> Tested + Sync);

/// The code under test of one node.
pub struct Tested {
    /// What clients use.
    pub store: Arc<dyn SessionStore>,
    /// Adds to the coverage what it counted itself.
    pub count: Box<dyn Fn(&mut Coverage)>,
}

impl Tested {
    /// A store that counts nothing.
    pub fn new(store: impl SessionStore + 'static) -> Self {
        Self { store: Arc::new(store), count: Box::new(|_| {}) }
    }
}

impl fmt::Debug for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tested").field("store", &self.store).finish_non_exhaustive()
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The first promise that was not kept.
    pub violation: Option<Violation>,
    /// All promises that the same answer broke.
    pub broken: BTreeSet<&'static str>,
    /// What was met.
    pub coverage: Coverage,
    /// What happened, if it was asked for.
    pub trace: Vec<String>,
}

/// Runs a seed.
///
/// # Panics
/// If the operating system gives no runtime.
pub fn run(seed: u64, subject: Subject<'_>, trace: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(async {
        let mut rng = fastrand::Rng::with_seed(seed);
        let settings = Settings::draw(&mut rng);
        let sim = Sim::new(settings.clone(), rng.fork(), trace);
        sim.with(|world| world.note(|| format!("seed {seed} {settings:?}")));
        let failure = match tokio::time::timeout(LONGEST, whole(&sim, subject, &settings, &mut rng)).await {
            Ok(Ok(())) => None,
            Ok(Err(text)) => Some(("panic", text)),
            Err(_) => Some(("hang", format!("the run does not end in {LONGEST:?}"))),
        };
        sim.with(|world| {
            if let Some((invariant, text)) = failure {
                world.oracle.violate(invariant, text);
            }
            let violation = world.oracle.violation().cloned();
            let (broken, coverage) = (world.oracle.broken(), world.coverage.clone());
            Outcome { seed, violation, broken, coverage, trace: world.trace.take() }
        })
    })
}

async fn whole(sim: &Sim, subject: Subject<'_>, settings: &Settings, rng: &mut fastrand::Rng) -> Result<(), String> {
    let mut tested = Vec::new();
    for number in 0..settings.nodes {
        let clock = NodeClock::draw(sim.clone(), number, rng);
        let store = SimStore { sim: sim.clone(), node: number };
        (0..settings.shards).for_each(|shard| (0..LANES).for_each(|lane| sim.connect_commands(number, shard, lane)));
        tested.push(subject(Node { number, store, clock, settings: settings.clone() }));
    }
    let stores: Vec<_> = tested.iter().map(|tested| tested.store.clone()).collect();
    sim.sleep(300).await;
    let mut tasks = Vec::new();
    for (node, store) in stores.iter().enumerate() {
        for name in 0..settings.clients {
            let client = Client { sim: sim.clone(), node, name, store: store.clone(), rng: rng.fork() };
            tasks.push(tokio::spawn(client.run(settings.operations)));
        }
    }
    for _ in 0..settings.faults {
        let (sim, mut rng) = (sim.clone(), rng.fork());
        tasks.push(tokio::spawn(async move {
            sim.sleep(rng.u64(FAULTS)).await;
            sim.fault(&mut rng).await;
        }));
    }
    for task in tasks {
        task.await.map_err(|error| error.to_string())?;
    }
    settle(sim, &stores, rng).await;
    sim.with(|world| tested.iter().for_each(|tested| (tested.count)(&mut world.coverage)));
    Ok(())
}

/// When all is quiet again, every node sees what the store has, and the books are balanced.
async fn settle(sim: &Sim, stores: &[Arc<dyn SessionStore>], rng: &mut fastrand::Rng) {
    sim.sleep(3_000).await;
    for _ in 0..2 {
        for (node, store) in stores.iter().enumerate() {
            let mut client = Client { sim: sim.clone(), node, name: 9, store: store.clone(), rng: rng.fork() };
            for at in 0..sim.with(|world| world.jar.0.len()) {
                let cookie = sim.with(|world| world.jar.0[at].clone());
                if let Some(id) = cookie.ids.last() {
                    client.load(at, &cookie, *id).await;
                }
            }
        }
    }
    sim.with(|world| {
        let lineages = world.lineages();
        world.oracle.updates.settle(&lineages);
    });
}
