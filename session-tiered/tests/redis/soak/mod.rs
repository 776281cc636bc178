//! Many sessions on three nodes whose links fail all the time. An oracle that knows what was acknowledged, and when, judges
//! every answer.
//!
//! It runs for a few seconds by default. `SOAK_SECONDS=600` makes it longer, and `SOAK_SEED` repeats operations and faults
//! (not their timing).

mod actors;
mod facts;
mod faults;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use session_testkit::Server;

use crate::{
    cache::sound,
    node::{HASTY, Links, Node, now},
    until, within,
};

pub(crate) const NODES: usize = 3;
/// The number of sessions at a time.
const PLACES: usize = 12;
const READERS: usize = 2;

/// The state that all actors share.
struct Soak {
    nodes: Vec<Node>,
    is_over: AtomicBool,
    /// Reads that were answered, and that failed.
    answered: AtomicU64,
    failed: AtomicU64,
    /// The largest staleness that was seen, in milliseconds.
    stalest: AtomicU64,
    lives: AtomicU64,
    steps: AtomicU64,
}

impl Soak {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

async fn start(server: &Server) -> (Arc<Soak>, Vec<Links>) {
    let (mut nodes, mut links) = (Vec::new(), Vec::new());
    for _ in 0..NODES {
        // A sample of the served copies is compared with the store too.
        let plan = HASTY.built(|split| sound(split).self_check(Some(Duration::from_millis(20))).into());
        let (node, ways) = Node::linked(server, plan).await;
        nodes.push(node);
        links.push(ways);
    }
    let zero = AtomicU64::default;
    let soak = Soak {
        nodes,
        is_over: AtomicBool::new(false),
        answered: zero(),
        failed: zero(),
        stalest: zero(),
        lives: zero(),
        steps: zero(),
    };
    (Arc::new(soak), links)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_to_i10_under_faults() {
    let seed = setting("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    let length = Duration::from_secs(setting("SOAK_SECONDS").unwrap_or(5));
    println!("SOAK_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let server = Server::start().await;
    let (soak, links) = start(&server).await;
    let mut actors = Vec::new();
    for _ in 0..PLACES {
        let place = actors::place(&soak, &mut random).await;
        actors.push(tokio::spawn(actors::write(soak.clone(), place.clone(), random.fork())));
        for _ in 0..READERS {
            actors.push(tokio::spawn(actors::read(soak.clone(), place.clone(), random.fork())));
        }
    }
    let began = now();
    while now().since(began) < length && !actors.iter().any(tokio::task::JoinHandle::is_finished) {
        faults::one(&links, &mut random).await;
    }
    // Chance may have spared the feeds so far.
    links[0].listening.cut().await;
    until("a fault is noticed", || async { (soak.nodes[0].stats().gaps > 0).then_some(()) }).await;
    links[0].listening.heal().await;
    soak.is_over.store(true, Ordering::Relaxed);
    for actor in actors {
        within("an actor ends", actor).await.unwrap_or_else(|_| panic!("SOAK_SEED={seed}: a guarantee was violated"));
    }
    report(&soak);
}

fn report(soak: &Soak) {
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "{} sessions, {} steps, {} reads answered and {} failed; the stalest {} ms",
        of(&soak.lives),
        of(&soak.steps),
        of(&soak.answered),
        of(&soak.failed),
        of(&soak.stalest)
    );
    for node in &soak.nodes {
        let stats = node.stats();
        println!("{stats:?}");
        assert_eq!((stats.violations, stats.history_lost), (0, 0));
        // The soak has exercised the cache.
        assert!(stats.hits > 0 && stats.patched > 0 && stats.misses > 0, "{stats:?}");
    }
}
