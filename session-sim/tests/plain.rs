//! A node without a cache passes every oracle.
#![allow(missing_docs)]

use session_sim::sim::{Coverage, Node, Tested, run};

#[test]
fn a_node_without_a_cache_keeps_every_promise() {
    let subject = |node: Node| Tested::new(node.store);
    let mut coverage = Coverage::default();
    let from = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    for seed in from..from + 200 {
        let outcome = run(seed, &subject, false);
        if let Some(violation) = outcome.violation {
            let trace = run(seed, &subject, true).trace;
            std::fs::write("/tmp/sim-trace", trace.join("\n")).unwrap();
            panic!("seed {seed}: {violation}");
        }
        coverage.merge(&outcome.coverage);
    }
    println!("{coverage}");
}
