//! The time of a create in the memory store. It also prints the bytes of a session in that store and in the cache of a
//! node.
#![allow(missing_docs, reason = "a benchmark")]

use std::process::ExitCode;

use criterion::{Criterion, criterion_group};
use session_benches::{
    create,
    footprint::{COPIED, ChildTask, measure_in_child, serve},
    scalars,
};
use session_memory::MemoryStore;

fn creates(criterion: &mut Criterion) {
    let store = MemoryStore::builder().capacity(usize::MAX).build().expect("a valid setting");
    criterion.bench_function("memory store, create, 3 values of 16 bytes", |bencher| {
        bencher.iter(|| create(&store, scalars(3, 16)));
    });
}

fn bytes() {
    for growth in measure_in_child(ChildTask::Memory(vec![100_000, 200_000])) {
        println!(
            "memory store, {} sessions of 3 values of 16 bytes: {:.0} bytes each",
            growth.sessions,
            growth.bytes_each()
        );
    }
    for shape in COPIED {
        let [growth] = measure_in_child(ChildTask::Copies(shape, 10_000))[..] else {
            unreachable!("one size was asked for")
        };
        println!("cache of a node, {}: {:.0} bytes each", shape.name(), growth.bytes_each());
    }
}

criterion_group!(benches, creates);

fn main() -> ExitCode {
    if let Some(code) = serve() {
        return code;
    }
    bytes();
    benches();
    Criterion::default().configure_from_args().final_summary();
    ExitCode::SUCCESS
}
