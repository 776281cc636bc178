//! The real cache keeps its guarantees: a fixed set of seeds, and new ones.
#![allow(missing_docs)]

use session_sim::{
    campaign::{INTERESTING, explain, found_fault_with_itself, tiered},
    sim::{Coverage, run},
};

use session_core::{Clock as _, SystemClock};

fn seeds(from: u64, count: u64) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in from..from + count {
        let outcome = run(seed, &tiered, false);
        assert!(outcome.violation.is_none(), "{}", explain(&outcome, &tiered));
        assert!(outcome.coverage.of("operations") >= 200 && outcome.coverage.of("faults") >= 5);
        assert!(!found_fault_with_itself(&outcome.coverage), "seed {seed}");
        coverage.merge(&outcome.coverage);
    }
    coverage
}

/// All interesting events occur in them.
#[test]
fn a_fixed_set_of_seeds() {
    let coverage = seeds(0, 300);
    println!("{coverage}");
    for what in INTERESTING {
        assert!(coverage.of(what) > 0, "it never happens: {what}\n{coverage}");
    }
    // I8: after a write on another node, a copy stays a hit, in its new state.
    assert!(coverage.of("patched hits") * 10 > coverage.of("local hits"), "{coverage}");
}

/// New seeds in each run, or those from `SIM_SEED`.
#[test]
fn new_seeds() {
    let given = std::env::var("SIM_SEED").ok().map(|seed| seed.parse().expect("SIM_SEED is a number"));
    let from = given.unwrap_or_else(|| SystemClock.now().as_millis() * 1_000);
    println!("SIM_SEED={from}");
    seeds(from, 300);
}
