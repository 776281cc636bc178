//! An update of one field with 0, 1, 4 and 8 subscribed nodes, one in flight, until all of them have received it. The
//! report has the CPU time of the server.
#![allow(missing_docs, reason = "a benchmark")]

use criterion::{Criterion, criterion_group, criterion_main};
use session_benches::fan_out::{SubscribedServer, runtime};

fn applies(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("apply, until received");
    group.sample_size(20);
    for subscribers in [0, 1, 4, 8] {
        let mut station = runtime.block_on(SubscribedServer::start(subscribers));
        group.bench_function(format!("{subscribers} subscribers"), |bencher| {
            bencher.iter(|| runtime.block_on(station.latency()));
        });
    }
    group.finish();
}

criterion_group!(benches, applies);
criterion_main!(benches);
