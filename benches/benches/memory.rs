//! The memory store, compared with bare maps and a blob. The claims are in `src/claims/memory.rs`.
#![allow(missing_docs, reason = "Criterion's macros")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use session_benches::{
    create,
    memory::{Blob, Loaded},
    op, ready, scalars, timed,
};
use session_core::store::{SessionStore, Update};
use session_memory::MemoryStore;

fn loads(criterion: &mut Criterion) {
    for keys in [1_000, 1_000_000] {
        let loaded = Loaded::new(keys);
        for threads in [1, 2] {
            let mut group = criterion.benchmark_group(format!("load/{keys} keys/{threads} threads"));
            group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
            for (name, get) in &loaded.gets() {
                group.bench_function(*name, |bencher| {
                    bencher.iter_custom(|iterations| timed(&loaded.ids, threads, iterations, get));
                });
            }
            group.finish();
        }
    }
}

fn applies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply/2 of 20 fields");
    let memory = MemoryStore::new();
    let store: &dyn SessionStore = &memory;
    let (id, delta) = (create(store, scalars(20, 16)).expect("created"), scalars(2, 16));
    let apply = || ready(store.apply(&id, &Update::new(op(), delta.clone()))).expect("applied");
    group.bench_function("memory store", |bencher| bencher.iter(apply));
    group.bench_function("memory store, a reader holds the record", |bencher| {
        bencher.iter(|| {
            let held = ready(store.load(&id, Default::default()));
            let applied = apply();
            (held.is_ok(), applied)
        });
    });
    let mut blob = Blob::default();
    group.bench_function("bincode blob, decoded, changed, encoded", |bencher| bencher.iter(|| blob.change()));
    group.finish();
}

criterion_group!(benches, loads, applies);
criterion_main!(benches);
