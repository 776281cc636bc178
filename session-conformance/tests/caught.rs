//! The suite passes a store that is right, and catches every one that is broken on purpose by the cases that ought to.

#![expect(clippy::unwrap_used, reason = "a test")]

mod broken;
mod toy;

use session_conformance::{Harness, run_case};

use broken::{BrokenHarness, SPECIMENS, Twist};

/// The store that the broken ones are made of is right, as the tests of a backend show it.
mod reference {
    session_conformance::tests!(crate::toy::ToyHarness);
}

#[derive(Debug, Default)]
struct Untwisted;

impl Twist for Untwisted {}

/// The wrapper as such breaks nothing, so what is caught below is caught for its twist.
#[test]
fn the_unbroken_wrapper_passes() {
    let report = session_conformance::run_all(BrokenHarness(|| std::sync::Arc::new(Untwisted)));
    assert!(report.is_success(), "{report}");
    assert!(report.skipped().next().is_none(), "{report}");
}

#[test]
fn every_broken_store_is_caught() {
    assert_eq!(SPECIMENS.len(), 46, "the docs of the crate say how many there are");
    let mut missed = Vec::new();
    for specimen in SPECIMENS {
        for case in specimen.caught_by {
            if run_case(BrokenHarness(specimen.twist), case).is_pass() {
                missed.push(format!("{} passes {case}", specimen.name));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// Each specimen is broken in what it is named after and not in everything: it passes most cases.
#[test]
fn broken_stores_are_mostly_right() {
    let case = "algebra::union_adds_and_replaces";
    let wrong: Vec<&str> = SPECIMENS
        .iter()
        .filter(|specimen| !run_case(BrokenHarness(specimen.twist), case).is_pass())
        .map(|specimen| specimen.name)
        .collect();
    assert!(wrong.len() <= 3, "{wrong:?}");
    let _: fn(&BrokenHarness) -> std::time::Duration = Harness::tick;
}
