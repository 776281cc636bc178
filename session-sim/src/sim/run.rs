//! One run, from its seed to its outcome.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use session_core::store::SessionStore;

use super::{
    Coverage, Millis, NodeClock, Settings, Sim, SimStore, StoreMistake, client::Client, forger::Forger,
    node::COMMAND_CONNS,
};
use crate::oracle::Violation;

/// The longest a run may take, in virtual time.
const LONGEST: Duration = Duration::from_secs(300);
/// The seeds with a publisher of forged messages: those with this remainder.
const FORGED: u64 = 5;
const FORGED_OF: u64 = 8;
/// The time in which faults begin, and in which messages are forged.
pub(super) const FAULTS: std::ops::Range<Millis> = 500..11_000;

/// The parts that a node is built from.
#[derive(Clone, Debug)]
pub struct NodeSetup {
    /// Its number.
    pub number: usize,
    /// The store across the network.
    pub store: SimStore,
    /// The node's clock.
    pub clock: NodeClock,
    /// The settings of the run.
    pub settings: Settings,
}

/// Builds the code under test for one node of one run, inside the runtime.
pub type Subject<'s> = &'s (dyn Fn(NodeSetup) -> Tested + Sync);

/// The code under test, for one node.
pub struct Tested {
    /// The store that clients use.
    pub store: Arc<dyn SessionStore>,
    /// Adds the counters of the store to the coverage.
    pub count: Box<dyn Fn(&mut Coverage)>,
}

impl Tested {
    /// A store without counters.
    pub fn new(store: impl SessionStore + 'static) -> Self {
        Self { store: Arc::new(store), count: Box::new(|_| {}) }
    }
}

impl fmt::Debug for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tested").field("store", &self.store).finish_non_exhaustive()
    }
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The first violation.
    pub violation: Option<Violation>,
    /// All invariants that the same answer violated.
    pub broken: BTreeSet<&'static str>,
    /// The events of the run.
    pub coverage: Coverage,
    /// The trace, if it was requested.
    pub trace: Vec<String>,
}

/// Runs a seed.
///
/// # Panics
/// If the operating system gives no runtime.
pub fn run(seed: u64, subject: Subject<'_>, trace: bool) -> Outcome {
    run_with(seed, subject, None, trace)
}

/// Runs a seed on servers that break a rule, if one is given.
///
/// # Panics
/// If the operating system gives no runtime.
pub fn run_with(seed: u64, subject: Subject<'_>, mistake: Option<StoreMistake>, trace: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    runtime.block_on(async {
        let mut rng = fastrand::Rng::with_seed(seed);
        let settings = Settings::random(&mut rng);
        let sim = Sim::new(settings.clone(), rng.fork(), trace);
        sim.with(|world| {
            world.mistake = mistake;
            world.forger = (seed % FORGED_OF == FORGED).then(Forger::default);
            world.note(|| format!("seed {seed} {settings:?}"));
        });
        let failure = match tokio::time::timeout(LONGEST, simulate(&sim, subject, &settings, &mut rng)).await {
            Ok(Ok(())) => None,
            Ok(Err(text)) => Some(("panic", text)),
            Err(_) => Some(("hang", format!("the run did not end within {LONGEST:?}"))),
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

async fn simulate(sim: &Sim, subject: Subject<'_>, settings: &Settings, rng: &mut fastrand::Rng) -> Result<(), String> {
    let mut tested = Vec::new();
    for number in 0..settings.nodes {
        let clock = NodeClock::random(sim.clone(), number, rng);
        let store = SimStore { sim: sim.clone(), node: number };
        (0..settings.shards)
            .for_each(|shard| (0..COMMAND_CONNS).for_each(|index| sim.connect_commands(number, shard, index)));
        tested.push(subject(NodeSetup { number, store, clock, settings: settings.clone() }));
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
    if sim.with(|world| world.forger.is_some()) {
        let (sim, rng) = (sim.clone(), rng.fork());
        tasks.push(tokio::spawn(async move { sim.forge(rng).await }));
    }
    for task in tasks {
        task.await.map_err(|error| error.to_string())?;
    }
    quiesce(sim, &stores, rng).await;
    sim.with(|world| tested.iter().for_each(|tested| (tested.count)(&mut world.coverage)));
    Ok(())
}

/// After the last fault: all nodes read all sessions, and every acknowledged update must be there.
async fn quiesce(sim: &Sim, stores: &[Arc<dyn SessionStore>], rng: &mut fastrand::Rng) {
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
        world.oracle.updates.check_final(&lineages);
    });
}
