//! The codecs, compared with the libraries behind them. The claims are in `src/claims/codecs.rs`.
#![allow(missing_docs, reason = "Criterion's macros")]

use criterion::{Criterion, criterion_group, criterion_main};
use session_benches::codecs::{Shop, subjects};

fn values(criterion: &mut Criterion) {
    let shop = Shop::default();
    for subject in subjects() {
        let mut group = criterion.benchmark_group(format!("one value in {}", subject.name));
        group.bench_function("encode", |bencher| bencher.iter(|| subject.encoded(&shop)));
        group.bench_function("encode, bare", |bencher| bencher.iter(|| subject.encoded_bare(&shop)));
        group.bench_function("decode", |bencher| bencher.iter(|| subject.decoded()));
        group.bench_function("decode, bare", |bencher| bencher.iter(|| subject.decoded_bare()));
        group.finish();
    }
}

criterion_group!(benches, values);
criterion_main!(benches);
