//! Every mechanism of the cache is necessary: without it, some seed shows a violation.
#![allow(missing_docs)]

use session_sim::{campaign::mutated, sim::run};
use session_tiered_sim::Mutant;

/// The most seeds until a mutant is caught.
const SEEDS: u64 = 2_000;

fn is_caught(mutant: Mutant) {
    let subject = mutated(mutant);
    let caught = (0..SEEDS).find_map(|seed| Some((seed, run(seed, &subject, false).violation?)));
    let (seed, violation) = caught.unwrap_or_else(|| panic!("{mutant:?} is not caught in {SEEDS} seeds"));
    println!("{mutant:?}: seed {seed}, {}", violation.invariant);
}

macro_rules! mutants {
    ($($name:ident $mutant:ident)*) => {$(
        #[test]
        fn $name() {
            is_caught(Mutant::$mutant);
        }
    )*};
}

mutants! {
    a_dropped_floor_is_caught DropFloor
    a_skipped_epoch_is_caught SkipEpoch
    a_lease_from_receipt_is_caught LeaseFromReceipt
    a_patch_of_the_wrong_stamp_is_caught PatchWrongStamp
    a_forgotten_tombstone_is_caught ForgetTombstone
    a_trusted_publisher_is_caught TrustPublisher
    a_heartbeat_that_confirms_too_much_is_caught TrustAnyHeartbeat
    a_check_before_the_insert_is_caught CheckThenInsert
}
