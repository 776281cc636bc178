//! The suite passes a correct store, and catches every deliberately broken one by the cases that should.

#![expect(clippy::unwrap_used, reason = "a test")]

mod broken;
mod toy;

use session_conformance::{Harness, run_case};

use broken::{BROKEN_STORES, BrokenHarness, Fault};

/// The store from which the broken ones are made is correct, as a backend's tests would show.
mod reference {
    session_conformance::tests!(crate::toy::ToyHarness);
}

#[derive(Debug, Default)]
struct NoFault;

impl Fault for NoFault {}

/// The wrapper itself breaks nothing, so a broken store below is caught for its fault.
#[test]
fn the_unbroken_wrapper_passes() {
    let report = session_conformance::run_all(BrokenHarness(|| std::sync::Arc::new(NoFault)));
    assert!(report.is_success(), "{report}");
    assert!(report.skipped().next().is_none(), "{report}");
}

#[test]
fn every_broken_store_is_caught() {
    assert_eq!(BROKEN_STORES.len(), 81, "the crate docs state this number");
    let mut missed = Vec::new();
    for store in BROKEN_STORES {
        for case in store.caught_by {
            if run_case(BrokenHarness(store.fault), case).is_pass() {
                missed.push(format!("{} passes {case}", store.name));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// Each broken store has only the fault that it is named after: it passes most cases.
#[test]
fn broken_stores_are_mostly_right() {
    let case = "algebra::union_adds_and_replaces";
    let wrong: Vec<&str> = BROKEN_STORES
        .iter()
        .filter(|store| !run_case(BrokenHarness(store.fault), case).is_pass())
        .map(|store| store.name)
        .collect();
    assert!(wrong.len() <= 3, "{wrong:?}");
    let _: fn(&BrokenHarness) -> std::time::Duration = Harness::tick;
}
