//! Claims about the memory store; the README beside this directory keeps the results.
//!
//! 1. A load through `&dyn SessionStore` costs at most 3 times a bare get-and-clone of an `Arc` from papaya or dashmap
//!    under the same key.
//! 2. Applying a delta of 2 fields to a session of 20 costs less than decoding and encoding a blob of 20 fields with
//!    bincode, which is what a store of whole sessions does for any change.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark")]

use std::{
    collections::BTreeMap,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main, measurement::WallTime};
use session_benches::{AsIsHasher, create, op, ready, scalars, shuffle, timed};
use session_core::{IdDigest, LoadOptions, LoadOutcome, Record, SessionId, SessionStore, Update};
use session_memory::MemoryStore;

struct Loaded {
    store: Arc<dyn SessionStore>,
    ids: Vec<SessionId>,
    papaya: papaya::HashMap<IdDigest, Arc<Record>>,
    papaya_as_is: papaya::HashMap<IdDigest, Arc<Record>, AsIsHasher>,
    dashmap: dashmap::DashMap<IdDigest, Arc<Record>>,
    dashmap_as_is: dashmap::DashMap<IdDigest, Arc<Record>, AsIsHasher>,
}

impl Loaded {
    fn new(keys: usize) -> Self {
        let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
        let mut ids: Vec<_> = (0..keys).map(|_| create(&*store, scalars(3, 16)).unwrap()).collect();
        shuffle(&mut ids);
        let loaded = Self {
            store,
            ids,
            papaya: papaya::HashMap::new(),
            papaya_as_is: papaya::HashMap::default(),
            dashmap: dashmap::DashMap::new(),
            dashmap_as_is: dashmap::DashMap::default(),
        };
        for id in &loaded.ids {
            let record = loaded.load(id);
            loaded.papaya.pin().insert(*id.digest(), record.clone());
            loaded.papaya_as_is.pin().insert(*id.digest(), record.clone());
            loaded.dashmap.insert(*id.digest(), record.clone());
            loaded.dashmap_as_is.insert(*id.digest(), record);
        }
        loaded
    }

    fn load(&self, id: &SessionId) -> Arc<Record> {
        match ready(self.store.load(id, LoadOptions::default())).unwrap() {
            LoadOutcome::Found(found) => found.record,
            other => panic!("{other:?}"),
        }
    }
}

fn loads(criterion: &mut Criterion) {
    for keys in [1_000, 1_000_000] {
        let loaded = Loaded::new(keys);
        for threads in [1, 2] {
            let mut group = criterion.benchmark_group(format!("load/{keys} keys/{threads} threads"));
            group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
            let mut measure = |name: &str, get: Get<'_>| {
                group.bench_function(name, |bencher| {
                    bencher.iter_custom(|iterations| timed(&loaded.ids, threads, iterations, get));
                });
            };
            measure("memory store", &|id| loaded.load(id));
            measure("papaya", &|id| loaded.papaya.pin().get(id.digest()).unwrap().clone());
            measure("papaya, no hashing", &|id| loaded.papaya_as_is.pin().get(id.digest()).unwrap().clone());
            measure("dashmap", &|id| loaded.dashmap.get(id.digest()).unwrap().clone());
            measure("dashmap, no hashing", &|id| loaded.dashmap_as_is.get(id.digest()).unwrap().clone());
        }
        compare(&loaded);
    }
}

/// The three in turn, a few microseconds each, many times over: whatever else the machine does meets all of them, so
/// these ratios hold where criterion's, taken minutes apart, do not. Prints the quickest and the middle batch.
fn compare(loaded: &Loaded) {
    const BATCH: usize = 500;
    let gets: [(&str, Get<'_>); 3] = [
        ("memory store", &|id| loaded.load(id)),
        ("papaya", &|id| loaded.papaya.pin().get(id.digest()).unwrap().clone()),
        ("dashmap", &|id| loaded.dashmap.get(id.digest()).unwrap().clone()),
    ];
    let mut batches: [Vec<u128>; 3] = Default::default();
    for turn in 0..2_000 {
        for (which, (_, get)) in gets.iter().enumerate() {
            // Far apart, so that none finds in the cache what another has just loaded.
            let start = turn * BATCH + which * loaded.ids.len() / 3;
            let started = Instant::now();
            for at in start..start + BATCH {
                black_box(get(&loaded.ids[at % loaded.ids.len()]));
            }
            batches[which].push(started.elapsed().as_nanos());
        }
    }
    println!("in turn, {} keys, 1 thread:", loaded.ids.len());
    for ((name, _), batches) in gets.iter().zip(&mut batches) {
        batches.sort_unstable();
        let nanos = |batch: u128| batch as f64 / BATCH as f64;
        println!(
            "  {name:<13} min {:>7.1} ns, median {:>7.1} ns",
            nanos(batches[0]),
            nanos(batches[batches.len() / 2])
        );
    }
}

type Get<'a> = &'a (dyn Fn(&SessionId) -> Arc<Record> + Sync);

fn applies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply/2 of 20 fields");
    group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
    let memory = MemoryStore::new();
    let store: &dyn SessionStore = &memory;
    let id = create(store, scalars(20, 16)).unwrap();
    let delta = scalars(2, 16);
    let apply = || ready(store.apply(&id, &Update::new(op(), delta.clone()))).unwrap();
    group.bench_function("memory store", |bencher| bencher.iter(apply));
    group.bench_function("memory store, a reader holds the record", |bencher| {
        bencher.iter(|| {
            let held = ready(store.load(&id, LoadOptions::default()));
            let applied = apply();
            (held.is_ok(), applied)
        });
    });
    blob(&mut group);
}

fn blob(group: &mut BenchmarkGroup<'_, WallTime>) {
    let fields: BTreeMap<String, Vec<u8>> = (0..20).map(|n| (format!("field-{n:02}"), vec![n as u8; 16])).collect();
    let config = bincode::config::standard();
    let mut stored = bincode::serde::encode_to_vec(&fields, config).unwrap();
    group.bench_function(BenchmarkId::from_parameter("bincode blob, decoded, changed, encoded"), |bencher| {
        bencher.iter(|| {
            let (mut fields, _): (BTreeMap<String, Vec<u8>>, usize) =
                bincode::serde::decode_from_slice(black_box(&stored), config).unwrap();
            for name in ["field-00", "field-01"] {
                fields.insert(name.to_owned(), vec![1; 16]);
            }
            stored = bincode::serde::encode_to_vec(&fields, config).unwrap();
        });
    });
}

criterion_group!(benches, loads, applies);
criterion_main!(benches);
