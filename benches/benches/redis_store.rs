//! The Redis store against bare redis-rs on the same server, and against a store that writes whole sessions.
//!
//! The claims are in `benches/README.md`. All clients run in one process, on one runtime of two workers, against one server
//! without persistence, over loopback TCP without Nagle's delay, one connection each.

mod bare;
mod in_turn;
mod peer;
mod sent;
mod spread;

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use session_benches::{op, scalars};
use session_core::{ApplyOutcome, Delta, LoadOptions, NewSession, SessionId, SessionStore, Update};
use session_redis::RedisStore;
use session_testkit::Server;
use tokio::runtime::Runtime;

use bare::Bare;
use peer::Peer;
use sent::Sent;
use spread::{Work, measure};

/// So many requests under way.
const CONCURRENCY: [usize; 2] = [1, 64];
/// Eight fields of so many bytes: a session of 300 bytes, 1 KB and 8 KB.
const SIZES: [(&str, usize); 3] = [("300 B", 29), ("1 KB", 120), ("8 KB", 1_000)];

/// A server, and a client of each sort.
struct Bench {
    runtime: Runtime,
    server: Server,
    store: Arc<RedisStore>,
    bare: Arc<Bare>,
}

impl Bench {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (server, store, bare) = runtime.block_on(async {
            let server = Server::start().await;
            let store = RedisStore::connect(&server.url()).await.expect("a store");
            let bare = Bare::connect(&server).await;
            (server, Arc::new(store), Arc::new(bare))
        });
        Self { runtime, server, store, bare }
    }

    fn create(&self, bytes: usize) -> SessionId {
        let id = SessionId::generate().expect("an id");
        let new = NewSession::draw(Default::default()).expect("a session").with_entries(scalars(8, bytes));
        self.runtime.block_on(self.store.create(&id, &new)).expect("created");
        id
    }

    /// As many sessions as there are tasks: each task has its own.
    fn sessions(&self, count: usize, bytes: usize) -> Arc<[SessionId]> {
        (0..count).map(|_| self.create(bytes)).collect()
    }
}

/// One field of 29 bytes.
fn one_field() -> Delta {
    scalars(1, 29)
}

fn loads(c: &mut Criterion) {
    let bench = Bench::start();
    let mut group = c.benchmark_group("redis load, 8 fields of 29 B");
    group.throughput(Throughput::Elements(1));
    for tasks in CONCURRENCY {
        let ids = bench.sessions(tasks, 29);
        let keys: Arc<[Vec<u8>]> = bench.runtime.block_on(bench.bare.keys_of(&bench.server, &ids)).into();
        let store = bench.store.clone();
        let load = move |task: usize| {
            let (store, id) = (store.clone(), ids[task]);
            async move { drop(store.load(&id, LoadOptions::default()).await.expect("loaded")) }
        };
        group.bench_function(BenchmarkId::new("session-redis", tasks), |b| measure(b, &bench.runtime, tasks, &load));
        let bare = bench.bare.clone();
        let read = move |task: usize| {
            let (bare, keys) = (bare.clone(), keys.clone());
            async move { drop(bare.hgetall(&keys[task]).await) }
        };
        let name = "bare redis-rs, HGETALL and PTTL";
        group.bench_function(BenchmarkId::new(name, tasks), |b| measure(b, &bench.runtime, tasks, &read));
    }
    group.finish();
}

/// An update of one field of a session of the task's own.
fn apply(store: &Arc<RedisStore>, ids: Arc<[SessionId]>) -> impl Work {
    let store = store.clone();
    move |task: usize| {
        let (store, id) = (store.clone(), ids[task]);
        async move {
            let outcome = store.apply(&id, &Update::new(op(), one_field())).await;
            assert!(matches!(outcome, Ok(ApplyOutcome::Applied(applied)) if !applied.repeated));
        }
    }
}

fn updates(c: &mut Criterion) {
    let bench = Bench::start();
    let mut group = c.benchmark_group("redis apply, 1 of 8 fields of 29 B");
    group.throughput(Throughput::Elements(1));
    for tasks in CONCURRENCY {
        let ids = bench.sessions(tasks, 29);
        let keys: Arc<[Vec<u8>]> = bench.runtime.block_on(bench.bare.keys_of(&bench.server, &ids)).into();
        let ours = apply(&bench.store, ids);
        group.bench_function(BenchmarkId::new("session-redis", tasks), |b| measure(b, &bench.runtime, tasks, &ours));
        let sent: Arc<[Sent]> = bench.runtime.block_on(Sent::capture(&bench.server, &bench.sessions(tasks, 29))).into();
        let bare = bench.bare.clone();
        let call = move |task: usize| {
            let (bare, sent) = (bare.clone(), sent.clone());
            async move { bare.resend(&sent[task]).await }
        };
        let name = "bare redis-rs, the same script";
        group.bench_function(BenchmarkId::new(name, tasks), |b| measure(b, &bench.runtime, tasks, &call));
        for (name, script) in
            [("bare redis-rs, the same commands", &bare::SAME), ("bare redis-rs, the least", &bare::LEAST)]
        {
            let (bare, keys) = (bench.bare.clone(), keys.clone());
            let call = move |task: usize| {
                let (bare, keys) = (bare.clone(), keys.clone());
                async move { bare.call(script, &keys[task]).await }
            };
            group.bench_function(BenchmarkId::new(name, tasks), |b| measure(b, &bench.runtime, tasks, &call));
        }
    }
    group.finish();
}

/// What it costs an application to change one field, here and where whole sessions are written.
fn peers(c: &mut Criterion) {
    let bench = Bench::start();
    let peer = Arc::new(bench.runtime.block_on(Peer::connect(&bench.server)));
    for (name, bytes) in SIZES {
        let mut group = c.benchmark_group(format!("redis update of 1 field, session of {name}"));
        group.throughput(Throughput::Elements(1));
        for tasks in CONCURRENCY {
            let ours = apply(&bench.store, bench.sessions(tasks, bytes));
            let id = BenchmarkId::new("session-redis, apply", tasks);
            group.bench_function(id, |b| measure(b, &bench.runtime, tasks, &ours));
            let (peer, sessions) = (peer.clone(), bench.runtime.block_on(peer.create(tasks, bytes)));
            let sessions: Arc<[_]> = sessions.into();
            let theirs = move |task: usize| {
                let (peer, id) = (peer.clone(), sessions[task]);
                async move { peer.update(&id).await }
            };
            let id = BenchmarkId::new("tower-sessions-redis-store, load and save", tasks);
            group.bench_function(id, |b| measure(b, &bench.runtime, tasks, &theirs));
        }
        group.finish();
    }
}

criterion_group!(benches, loads, updates, peers);

fn main() {
    benches();
    criterion::Criterion::default().configure_from_args().final_summary();
    in_turn::compare();
}
