//! The cost of a request for each reaction of nodes to the writes of others: four nodes in turn, a load with each
//! request and an update with every fourth. The claims are in `benches/README.md`.
//!
//! All nodes run on the thread of the client, so the figure includes the cost of their subscriptions.
#![allow(missing_docs, reason = "a benchmark")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use session_benches::study::{
    fleet::{Fleet, Settings, runtime},
    routing::Routing,
    sweeps::{REACTIONS, WRITES},
    workload::Workload,
};

const NODES: u32 = 4;
const SESSIONS: usize = 1_000;

fn requests(criterion: &mut Criterion) {
    let workload = Workload::zipf((SESSIONS, 0.9), 100_000, WRITES, 1);
    let routes = Routing::Random.routes(&workload, NODES, 1);
    let mut group = criterion.benchmark_group("tiered/request");
    for reaction in REACTIONS {
        let settings = Settings {
            reaction,
            copies: Some(SESSIONS as u64 / 4),
            eviction: session_tiered::defaults::EVICTION,
            max_age: session_tiered::defaults::MAX_AGE,
            spacing: Duration::from_millis(1),
        };
        let runtime = runtime();
        let mut fleet = Fleet::new(settings, NODES, workload.sessions, 1);
        let mut requests = routes.of_requests.iter().zip(&workload.requests).cycle();
        group.bench_function(reaction.name(), |bencher| {
            bencher.iter(|| {
                if let Some((place, request)) = requests.next() {
                    runtime.block_on(fleet.serve(*place, *request));
                }
            });
        });
    }
}

criterion_group!(benches, requests);
criterion_main!(benches);
