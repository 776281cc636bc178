//! The time from a commit on one node until another node serves it, compared with a bare `PUBLISH`: one after another,
//! 1,000 a second. The claims, about percentiles, are in `src/claims/visible.rs`.
#![allow(missing_docs, reason = "Criterion's macros")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use session_benches::visible::Pairs;

fn arrivals(criterion: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let pairs = runtime.block_on(Pairs::start());
    let mut group = criterion.benchmark_group("1,000 a second");
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    let sum = |arrivals: Vec<f64>| Duration::from_secs_f64(arrivals.iter().sum::<f64>() / 1e6);
    let count = |iterations: u64| usize::try_from(iterations).unwrap_or(usize::MAX);
    group.bench_function("commit to visible", |bencher| {
        bencher.iter_custom(|iterations| sum(runtime.block_on(pairs.commits(count(iterations)))));
    });
    group.bench_function("PUBLISH to received", |bencher| {
        bencher.iter_custom(|iterations| sum(runtime.block_on(pairs.messages(count(iterations)))));
    });
    group.finish();
    runtime.block_on(pairs.verify());
}

criterion_group!(benches, arrivals);
criterion_main!(benches);
