//! Every rule of the store that clients rely on is known to the oracle: of servers that break it, some seed shows a
//! violation of the promise.
#![allow(missing_docs)]

use session_sim::{
    campaign::tiered,
    sim::{StoreMistake, run_with},
};

/// The most seeds until a mistake is caught.
const SEEDS: u64 = 1_000;

/// Whether an answer in some seed breaks each of these promises.
fn is_caught(mistake: StoreMistake, mut promises: Vec<&'static str>) {
    for seed in 0..SEEDS {
        let outcome = run_with(seed, &tiered, Some(mistake), false);
        let Some(violation) = outcome.violation else { continue };
        if promises.iter().any(|promise| outcome.broken.contains(promise)) {
            println!("{mistake:?}: seed {seed}, {}", violation.invariant);
        }
        promises.retain(|promise| !outcome.broken.contains(promise));
        if promises.is_empty() {
            return;
        }
    }
    panic!("{mistake:?} breaks none of {promises:?} in {SEEDS} seeds");
}

macro_rules! mistakes {
    ($($name:ident $mistake:ident: $($promise:ident)*;)*) => {$(
        #[test]
        fn $name() {
            is_caught(StoreMistake::$mistake, vec![$(stringify!($promise)),*]);
        }
    )*};
}

mistakes! {
    a_confirmation_by_reading_signs_out ConfirmsByReading: nobody_signed_out;
    a_confirmation_by_the_old_id_signs_out ConfirmsByTheOldId: nobody_signed_out;
    a_forward_that_ends_with_the_grace_signs_out ForwardEndsWithTheGrace: nobody_signed_out;
    a_forward_that_outlives_the_grace_is_a_second_way_in ForwardOutlivesTheGrace: old_id_ends;
    an_unused_id_that_is_kept_is_a_chain KeepsTheUnusedId: no_chains;
    a_sign_in_that_needs_its_old_id_fails SignInNeedsItsOldId: sign_in_succeeds;
    a_second_sign_in_that_starts_empty_loses_work SecondSignInStartsEmpty: sign_in_succeeds;
    a_sign_in_that_copies_another_principal_leaks CopiesAnotherPrincipal: no_foreign_entries;
    reads_of_an_isolated_primary_are_stale UnguardedReads: read_level_store i4_floor i7_destroy_wins i1_bounded_staleness;
    an_update_that_arrives_late_happens AppliesLateUpdates: late_update;
}
