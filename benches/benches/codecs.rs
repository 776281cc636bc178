//! The codecs, compared with the libraries behind them, and the formats, compared with each other. The claims are in
//! `src/claims/codecs.rs` and `src/claims/formats.rs`.
#![allow(missing_docs, reason = "Criterion's macros")]

use criterion::{Criterion, criterion_group, criterion_main};
use session_benches::{
    codecs::{Shop, subjects},
    formats::{FORMATS, typical},
};

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

fn formats(criterion: &mut Criterion) {
    for value in typical() {
        let mut group = criterion.benchmark_group(value.name);
        for format in FORMATS {
            let it = value.of(format);
            group.bench_function(format!("{format}, encode"), |bencher| bencher.iter(|| it.encode()));
            group.bench_function(format!("{format}, decode"), |bencher| bencher.iter(|| it.decode()));
        }
        group.finish();
    }
}

criterion_group!(benches, values, formats);
criterion_main!(benches);
