//! The Redis store, compared with bare redis-rs and with stores of whole sessions. The claims are in
//! `src/claims/redis.rs`.
#![allow(missing_docs, reason = "Criterion's macros")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use session_benches::redis::{Clients, Request};

/// The numbers of requests in flight.
const CONCURRENCY: [usize; 2] = [1, 64];
/// Sessions of 300 bytes, 1 KB and 8 KB, each made of eight fields with values of this many bytes.
const SIZES: [(&str, usize); 3] = [("300 B", 29), ("1 KB", 120), ("8 KB", 1_000)];

fn measure(criterion: &mut Criterion, group: &str, requests: impl Fn(usize) -> Vec<Request>) {
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(1));
    for tasks in CONCURRENCY {
        for request in requests(tasks) {
            let id = BenchmarkId::new(request.name, tasks);
            group.bench_function(id, |bencher| bencher.iter_custom(|count| request.run(count)));
        }
    }
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let clients = Clients::start();
    measure(criterion, "redis load, 8 fields of 29 B", |tasks| {
        vec![clients.load(tasks), clients.bare_read(tasks), clients.bare_guarded_read(tasks)]
    });
    measure(criterion, "redis apply, 1 of 8 fields of 29 B", |tasks| {
        vec![
            clients.apply(tasks, 29),
            clients.bare_apply(tasks),
            clients.same_commands(tasks),
            clients.minimal_commands(tasks),
        ]
    });
    for (size, bytes) in SIZES {
        measure(criterion, &format!("redis update of 1 field, session of {size}"), |tasks| {
            vec![clients.apply(tasks, bytes), clients.tower_update(tasks, bytes), clients.actix_update(tasks, bytes)]
        });
    }
}

criterion_group!(benches, requests);
criterion_main!(benches);
