//! What 10,000 watched sessions cost a node: the time of a change that concerns no watch, the time from an end to its
//! watch, and the bytes of a watch. The memory store publishes the changes, so no network is measured.
#![allow(missing_docs, reason = "Criterion's macros")]

use std::{
    pin::Pin,
    task::{Context, Waker},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use session_benches::{footprint::resident_bytes, op};
use session_core::{
    SessionId, Sessions, Watch,
    model::{Delta, EndReason, Field, Format, Value},
    store::{Destroy, SessionStore as _, Update},
};
use session_memory::MemoryStore;
use tokio::runtime::Runtime;

/// The changes between two ends.
const CHANGES: u64 = 1_000;

/// Sessions of which some are watched.
struct Node {
    runtime: Runtime,
    store: MemoryStore,
    sessions: Sessions,
    watches: Vec<Watch>,
    busy: SessionId,
}

impl Node {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let store = MemoryStore::builder().subscriber_buffer(1 << 20).build().expect("valid settings");
        let sessions = Sessions::new(store.clone());
        let busy = runtime.block_on(stored(&sessions));
        Self { runtime, store, sessions, watches: Vec::new(), busy }
    }

    /// Watches this many sessions more. Each watch has been polled.
    fn watch(&mut self, count: usize) {
        for _ in 0..count {
            let id = self.runtime.block_on(stored(&self.sessions));
            let watch = self.runtime.block_on(self.sessions.watch(&id));
            self.watches.push(watch.expect("watched"));
        }
        for watch in &mut self.watches[..] {
            assert!(Pin::new(watch).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }

    /// A session and its watch.
    fn pair(&self) -> (SessionId, Watch) {
        self.runtime.block_on(async {
            let id = stored(&self.sessions).await;
            (id, self.sessions.watch(&id).await.expect("watched"))
        })
    }

    /// Makes changes that concern no watch, then ends a session, and waits for its watch.
    fn changes_and_an_end(&self, changes: u64, (id, watch): (SessionId, Watch)) {
        self.runtime.block_on(async {
            for _ in 0..changes {
                let mut delta = Delta::new();
                delta.set(Field::new("n").expect("a name"), Value::new(Format::JSON, b"1"));
                self.store.apply(&self.busy, &Update::new(op(), delta)).await.expect("applied");
            }
            self.store.destroy(&id, &Destroy::new(op(), EndReason::Logout)).await.expect("ended");
            watch.await
        });
    }
}

async fn stored(sessions: &Sessions) -> SessionId {
    let mut session = sessions.create().expect("a session");
    session.persist().await.expect("stored");
    *session.id()
}

fn watches(criterion: &mut Criterion) {
    for count in [0, 10_000] {
        let mut node = Node::new();
        node.watch(count);
        let mut group = criterion.benchmark_group(format!("{count} watched sessions"));
        group.bench_function("from an end to its watch", |bencher| {
            bencher.iter_batched(|| node.pair(), |pair| node.changes_and_an_end(0, pair), BatchSize::PerIteration);
        });
        group.throughput(Throughput::Elements(CHANGES));
        group.bench_function("changes that concern no watch", |bencher| {
            bencher.iter_batched(
                || node.pair(),
                |pair| node.changes_and_an_end(CHANGES, pair),
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

fn bytes(_: &mut Criterion) {
    let mut node = Node::new();
    node.watch(1_000);
    // The sessions themselves are stored first, so that only the watches grow the process.
    let ids: Vec<SessionId> = (0..100_000).map(|_| node.runtime.block_on(stored(&node.sessions))).collect();
    node.watches.reserve(ids.len());
    let before = resident_bytes();
    for id in &ids {
        let mut watch = node.runtime.block_on(node.sessions.watch(id)).expect("watched");
        assert!(Pin::new(&mut watch).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        node.watches.push(watch);
    }
    let each = (resident_bytes() - before) / ids.len() as f64;
    println!("a watch: {each:.0} bytes, {} of them in its future", size_of::<Watch>());
}

criterion_group!(benches, bytes, watches);
criterion_main!(benches);
