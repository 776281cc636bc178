//! A load that the local cache answers, compared with bare caches. The claims are in `src/claims/tiered_hit.rs`, which
//! also compares it with caches of whole sessions.
#![allow(missing_docs, reason = "Criterion's macros")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use session_benches::{tiered::Loaded, timed};

fn hits(criterion: &mut Criterion) {
    for sessions in [1_000, 1_000_000] {
        let loaded = Loaded::new(sessions);
        for threads in [1, 2] {
            let mut group = criterion.benchmark_group(format!("hit/{sessions} sessions/{threads} threads"));
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

criterion_group!(benches, hits);
criterion_main!(benches);
