//! The real cache keeps its promises: a fixed set of seeds, and new ones.
#![allow(missing_docs)]

use session_sim::{
    campaign::{INTERESTING, explain, tiered},
    sim::{Coverage, run},
};

fn seeds(from: u64, count: u64) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in from..from + count {
        let outcome = run(seed, &tiered, false);
        assert!(outcome.violation.is_none(), "{}", explain(&outcome, &tiered));
        assert!(outcome.coverage.of("operations") >= 200 && outcome.coverage.of("faults") >= 5);
        coverage.merge(&outcome.coverage);
    }
    coverage
}

/// And everything interesting has happened in them.
#[test]
fn a_fixed_set_of_seeds() {
    let coverage = seeds(0, 300);
    println!("{coverage}");
    for what in INTERESTING {
        assert!(coverage.of(what) > 0, "it never happens: {what}\n{coverage}");
    }
    assert_eq!(coverage.of("tiered: violations"), 0);
}
