//! The delta algebra, compared with maps of the standard library and with bincode. The claims are in
//! `src/claims/algebra.rs`.
#![allow(missing_docs, reason = "Criterion's macros")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use session_benches::{
    algebra::{Cart, Message},
    scalars,
};
use session_core::model::Delta;

fn changes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one entry changes while a reader holds the session");
    for entries in [10, 100, 1_000, 10_000] {
        let cart = Cart::new(entries);
        group.bench_function(BenchmarkId::new("delta", entries), |bencher| bencher.iter(|| cart.changed()));
        group.bench_function(BenchmarkId::new("BTreeMap", entries), |bencher| bencher.iter(|| cart.copied()));
    }
    group.finish();
    let (first, second) = (scalars(8, 16), scalars(2, 16));
    criterion.bench_function("two deltas of 8 and 2 fields made one", |bencher| {
        bencher.iter(|| first.clone().then(black_box(&second)));
    });
}

fn wire(criterion: &mut Criterion) {
    let message = Message::default();
    let mut group = criterion.benchmark_group("8 fields of 29 bytes on the wire");
    group.bench_function("delta, encode", |bencher| bencher.iter(|| message.delta.to_bytes()));
    group.bench_function("bincode, encode", |bencher| bencher.iter(|| message.encoded()));
    group.bench_function("delta, decode", |bencher| bencher.iter(|| Delta::from_bytes(message.bytes.clone())));
    group.bench_function("bincode, decode", |bencher| bencher.iter(|| message.decoded()));
    group.finish();
}

criterion_group!(benches, changes, wire);
criterion_main!(benches);
