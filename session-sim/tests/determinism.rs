//! A run can be repeated byte for byte.
#![allow(missing_docs)]

use session_sim::{campaign::tiered, sim::run};

#[test]
fn a_seed_is_a_run() {
    for seed in [1, 5, 28, 296, 4_711, 100_003] {
        let (first, second) = (run(seed, &tiered, true), run(seed, &tiered, true));
        assert!(first.trace.len() > 200, "{} lines", first.trace.len());
        for (line, (first, second)) in first.trace.iter().zip(&second.trace).enumerate() {
            assert_eq!(first, second, "seed {seed}, line {line}");
        }
        assert_eq!(first.trace.len(), second.trace.len());
        assert_eq!(first.coverage, second.coverage);
    }
}

#[test]
fn another_seed_is_another_run() {
    assert_ne!(run(1, &tiered, true).trace[1..], run(2, &tiered, true).trace[1..]);
}
