//! Stores that are wrong on purpose, each by one mechanism seen in the wild, around a store that is right.

/// A clone with some fields changed.
macro_rules! with {
    ($of:expr; $($field:ident: $value:expr),*) => {{
        let mut changed = $of.clone();
        $(changed.$field = $value;)*
        changed
    }};
}

mod feed;
mod index;
mod state;
mod time;
mod twist;

use std::{sync::Arc, time::Duration};

use session_conformance::Harness;
use session_core::{ManualClock, store::SessionStore};

use crate::toy::{Toy, ToyHarness};

pub(crate) use twist::Twist;
use twist::Twisted;

/// A broken store and a case that must catch it.
pub(crate) struct Specimen {
    pub(crate) name: &'static str,
    pub(crate) caught_by: &'static [&'static str],
    pub(crate) twist: fn() -> Arc<dyn Twist>,
}

macro_rules! specimens {
    ($($module:ident::$name:ident: $($case:literal),+;)*) => {
        pub(crate) const SPECIMENS: &[Specimen] = &[$(Specimen {
            name: stringify!($name),
            caught_by: &[$($case),+],
            twist: || Arc::new($module::$name::default()),
        }),*];
    };
}

specimens! {
    state::UpsertsOnMissing: "destroy_wins::over_a_late_update", "lifecycle::an_unknown_id_is_not_found";
    state::WritesTheWholeBlob: "concurrency::two_fields_are_both_kept", "concurrency::many_writers_lose_nothing";
    state::IgnoresTheDifference: "algebra::difference_removes", "algebra::clear_then_insert_replaces_the_field";
    state::AppliesInTwoSteps: "cancellation::of_an_update", "algebra::composition_is_one_after_the_other";
    state::WritesEntryByEntry: "concurrency::readers_see_whole_deltas", "cancellation::of_an_update";
    state::IgnoresOpIds: "exactly_once::a_retry_does_not_undo_what_came_between";
    state::IgnoresPreconditions: "preconditions::an_old_stamp_conflicts", "concurrency::a_token_is_taken_once",
        "concurrency::compare_and_set_by_stamp_counts", "concurrency::compare_and_set_by_entry_counts";
    state::CountsEmptyDeltas: "algebra::the_empty_delta_is_the_identity";
    state::TagsByVersion: "lifecycle::stamps_chain_op_ids";
    state::ComparesVersionsOnly: "lifecycle::an_equal_version_is_not_an_equal_stamp";
    state::NeverSaysUnknown: "exactly_once::sixteen_behind_is_unknown";
    state::HasNoLimits: "limits::a_value_may_be_so_long", "limits::there_may_be_so_many_entries";
    state::AppliesPartOfWhatItRefuses: "limits::a_value_may_be_so_long";
    state::ReadsRefusalAsMissing: "limits::there_may_be_so_many_entries";
    state::RunsFieldAndKeyTogether: "input::field_and_key_do_not_run_together";
    time::ForgetsTheDeadline: "expiry::an_unused_session_ends";
    time::TouchShortens: "expiry::no_touch_shortens";
    time::TouchPassesTheAbsoluteDeadline: "expiry::use_prolongs_up_to_the_absolute_deadline";
    time::LoadRenews: "expiry::a_load_does_not_renew";
    time::UpdatesDoNotRenew: "expiry::an_update_renews";
    time::ReturnsTheExpired: "expiry::the_deadline_itself_is_too_late";
    time::CountsInSeconds: "expiry::deadlines_have_fractions_of_a_second";
    time::RotatesInTwoSteps: "cancellation::of_a_rotation", "rotation_race::a_renewal_has_no_gap",
        "rotation_race::a_sign_in_has_no_gap";
    time::ForwardsForEver: "rotation::a_forward_ends_with_the_grace";
    time::ForwardsAfterSignIn: "rotation::privilege_supersedes_the_old_id";
    time::BothRotationsWin: "rotation_race::one_of_many_wins";
    time::ForgetsRotationsWithTheGrace: "exactly_once::a_rotation_repeated_after_its_grace_is_rotated";
    time::RotatesWithoutTheDelta: "rotation::a_delta_is_applied_in_the_same_step";
    time::LeavesNoTombstone: "destroy_wins::over_a_delayed_create", "exactly_once::a_repeated_destroy_is_destroyed";
    time::ForgetsTheReason: "lifecycle::an_ended_session_says_why_and_when";
    time::BuriesForEver: "destroy_wins::until_the_tombstone_ends",
        "destroy_wins::and_frees_its_id_when_the_tombstone_ends";
    index::ForgetsRotations: "index::the_index_follows_a_rotation";
    index::ListsByCreation: "index::an_old_session_that_signs_in_is_the_newest";
    index::RevokesAllButOne: "revocation::all_sessions_are_revoked";
    index::RevokesTheOneThatAsks: "revocation::all_but_this_one_are_revoked";
    index::ListsAfterCreating: "cancellation::of_a_sign_in";
    index::RevokesWithoutTombstones: "revocation::sign_ins_race_a_revocation";
    index::RevokesWhatItListed: "revocation::rotations_race_a_revocation",
        "revocation::a_listing_that_moved_twice_is_revoked";
    index::HasNoCaps: "index::a_cap_refuses_one_more", "index::a_cap_ends_the_oldest";
    index::DoesNotFence: "lock::a_lease_ends";
    index::NeverCounts: "lock::counters_grow";
    feed::Drops: "feed::stamps_form_a_chain";
    feed::Duplicates: "feed::stamps_form_a_chain";
    feed::Reorders: "feed::stamps_form_a_chain";
    feed::AnswersBarriersEarly: "feed::a_barrier_comes_last";
    feed::CarriesTheWrongDelta: "feed::carried_deltas_patch_a_copy";
}

/// The right store, twisted.
pub(crate) struct BrokenHarness(pub(crate) fn() -> Arc<dyn Twist>);

impl Harness for BrokenHarness {
    type Backend = (Toy, ManualClock, Arc<dyn Twist>);

    async fn start(&self) -> Self::Backend {
        let (toy, clock) = ToyHarness.start().await;
        (toy, clock, (self.0)())
    }

    async fn node(&self, (toy, _, twist): &Self::Backend) -> Arc<dyn SessionStore> {
        Arc::new(Twisted { inner: toy.node(), twist: twist.clone() })
    }

    async fn elapse(&self, (_, clock, _): &Self::Backend, time: Duration) {
        use session_core::Clock as _;
        let _ = clock.now();
        clock.advance(time);
    }

    fn tombstone(&self) -> Option<Duration> {
        ToyHarness.tombstone()
    }
}
