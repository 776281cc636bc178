//! The metrics that a recorder of the application receives.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, LocalRecorderGuard, Metadata, Recorder, SharedString, Unit,
};
use session_core::{
    Expiry, LoadOptions, ManualClock, SessionId,
    store::{NewSession, SessionStore as _},
};
use session_memory::MemoryStore;
use session_tiered::{Stats, TieredStore, TieredStoreBuilder};

const BOUND: Duration = Duration::from_secs(16);

/// The last value of every counter.
#[derive(Clone, Default)]
struct Counters(Arc<Mutex<BTreeMap<String, Arc<Cell>>>>);

#[derive(Default)]
struct Cell(AtomicU64);

impl CounterFn for Cell {
    fn increment(&self, more: u64) {
        self.0.fetch_add(more, SeqCst);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, SeqCst);
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels = key.labels().map(|label| format!("{{{}={}}}", label.key(), label.value()));
        let name = key.name().to_owned() + &labels.collect::<String>();
        Counter::from_arc(self.0.lock().unwrap().entry(name).or_default().clone())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("{key} is no counter")
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("{key} is no counter")
    }
}

impl Counters {
    /// Installs the recorder for this thread, on which all tasks of the test run.
    fn install(&self) -> LocalRecorderGuard<'_> {
        metrics::set_default_local_recorder(self)
    }

    fn of(&self, name: &str) -> Option<u64> {
        self.0.lock().unwrap().get(&format!("session_tiered_{name}")).map(|cell| cell.0.load(SeqCst))
    }
}

fn store() -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    (MemoryStore::builder().clock(clock.clone()).partitions(1).build().unwrap(), clock)
}

fn node(store: &MemoryStore, clock: &ManualClock) -> TieredStoreBuilder<MemoryStore> {
    TieredStore::builder(store.node()).clock(clock.clone()).max_staleness(BOUND).self_check(None)
}

/// Runs all tasks until they wait. They share one thread.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

async fn load(node: &TieredStore<MemoryStore>, id: &SessionId, times: usize) {
    for _ in 0..times {
        node.load(id, LoadOptions::default()).await.unwrap();
        settle().await;
    }
}

#[tokio::test]
async fn every_count_is_told_under_its_name() {
    let counters = Counters::default();
    let _guard = counters.install();
    let (store, clock) = store();
    let id = SessionId::generate().unwrap();
    store.create(&id, &NewSession::generate(Expiry::default()).unwrap()).await.unwrap();
    // One heartbeat at the beginning, and no other before those of this test.
    let node = node(&store, &clock).heartbeat(BOUND / 2).build();
    load(&node, &id, 4).await;
    clock.advance(Duration::from_secs(2));
    load(&node, &id, 3).await;
    assert!(node.stats().hits >= 5, "{:?}", node.stats());
    clock.advance(BOUND / 2);
    settle().await;

    let stats = node.stats();
    for (name, count) in named(&stats) {
        // The last heartbeat is counted after the counters were published.
        let published = counters.of(name).unwrap_or_else(|| panic!("nothing was published of {name}"));
        assert_eq!(published, count - u64::from(name == "heartbeats"), "{name}");
    }
    for (sixteenth, count) in (1..).zip(stats.staleness) {
        assert_eq!(counters.of(&format!("staleness{{sixteenth={sixteenth}}}")), Some(count));
    }
    let steps: Vec<u64> = stats.staleness.to_vec();
    assert_eq!(stats.staleness[2], 3, "two seconds are two sixteenths and more: {steps:?}");
    assert_eq!(stats.staleness.iter().sum::<u64>(), stats.hits, "each hit is in one of them");
    assert_eq!(counters.0.lock().unwrap().len(), named(&stats).len() + 16, "and nothing else is published");
}

/// If no load is answered locally, no heartbeats are sent, and misses are still published.
#[tokio::test]
async fn a_node_without_a_cache_tells_too() {
    let counters = Counters::default();
    let _guard = counters.install();
    let (store, clock) = store();
    let node = node(&store, &clock).max_staleness(Duration::ZERO).build();
    load(&node, &SessionId::generate().unwrap(), 3).await;
    clock.advance(Duration::from_secs(1));
    settle().await;
    assert_eq!((counters.of("misses"), counters.of("hits"), counters.of("heartbeats")), (Some(3), Some(0), Some(0)));
}

fn named(stats: &Stats) -> [(&'static str, u64); 21] {
    [
        ("hits", stats.hits),
        ("misses", stats.misses),
        ("joined", stats.joined),
        ("patched", stats.patched),
        ("evicted", stats.evicted),
        ("displaced", stats.displaced),
        ("oversized", stats.oversized),
        ("revalidated", stats.revalidated),
        ("fills_rejected", stats.fills_rejected),
        ("resurrections_refused", stats.resurrections_refused),
        ("gaps", stats.gaps),
        ("epochs_ended", stats.epochs_ended),
        ("lease_losses", stats.lease_losses),
        ("history_lost", stats.history_lost),
        ("floors_unmet", stats.floors_unmet),
        ("served_stale", stats.served_stale),
        ("broken_circuits", stats.broken_circuits),
        ("first_loads_refused", stats.first_loads_refused),
        ("heartbeats", stats.heartbeats),
        ("self_checks", stats.self_checks),
        ("violations", stats.violations),
    ]
}
