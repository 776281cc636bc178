//! Random sequences of operations, on the reference machine, on the memory store and on a plain model that was written
//! from the contract's text and shares no code with them. Any difference is shrunk to the shortest sequence that shows
//! it.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod action;
mod driver;
mod machine_store;
mod oracle;
mod oracle_session;
mod request;

use std::collections::BTreeSet;

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use session_core::ManualClock;
use session_memory::MemoryStore;

use crate::{
    action::{Action, script},
    driver::{Transcript, limits, run},
    machine_store::MachineStore,
};

fn on_the_machine(script: &[Action]) -> Result<Transcript, TestCaseError> {
    let clock = ManualClock::new();
    run(&MachineStore::new(clock.clone(), limits(), oracle::TOMBSTONE), &clock, script, || {})
}

fn in_memory(script: &[Action], sweep: bool) -> Result<Transcript, TestCaseError> {
    let clock = ManualClock::new();
    let builder = MemoryStore::builder().clock(clock.clone()).limits(limits()).tombstone(oracle::TOMBSTONE);
    let store = builder.build().unwrap();
    run(&store.node(), &clock, script, || {
        if sweep {
            store.sweep();
        }
    })
}

proptest! {
    #![proptest_config(Config { cases: 2 * Config::default().cases, max_shrink_iters: 20_000, ..Config::default() })]

    #[test]
    fn the_machine_matches_the_contract(script in script()) {
        on_the_machine(&script)?;
    }

    /// The sweeper may run at any time, however late or early.
    #[test]
    fn the_memory_store_matches_the_contract(script in script(), sweep: bool) {
        in_memory(&script, sweep)?;
    }
}

/// The sequences prove something only if they reach every kind of answer.
#[test]
fn the_sequences_reach_every_outcome() {
    let mut runner = TestRunner::deterministic();
    let scripts = script();
    let mut seen = BTreeSet::new();
    for _ in 0..1_000 {
        let script = scripts.new_tree(&mut runner).unwrap().current();
        seen.extend(on_the_machine(&script).unwrap());
    }
    let missing: Vec<&str> = driver::OUTCOMES.iter().copied().filter(|outcome| !seen.contains(*outcome)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}; reached: {seen:?}");
}
