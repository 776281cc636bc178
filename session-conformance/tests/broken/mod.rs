//! Deliberately broken stores: each adds one fault seen in the wild to a correct store.

mod fault;
mod feed;
mod index;
mod renewal;
mod sign_in;
mod state;
mod time;
mod watching;

use std::{sync::Arc, time::Duration};

use session_conformance::Harness;
use session_core::{ManualClock, store::SessionStore};

use crate::toy::{Toy, ToyHarness};

pub(crate) use fault::Fault;
use fault::FaultyStore;

/// A broken store and the cases that must catch it.
pub(crate) struct BrokenStore {
    pub(crate) name: &'static str,
    pub(crate) caught_by: &'static [&'static str],
    pub(crate) fault: fn() -> Arc<dyn Fault>,
}

macro_rules! broken_stores {
    ($($module:ident::$name:ident: $($case:literal),+;)*) => {
        pub(crate) const BROKEN_STORES: &[BrokenStore] = &[$(BrokenStore {
            name: stringify!($name),
            caught_by: &[$($case),+],
            fault: || Arc::new($module::$name::default()),
        }),*];
    };
}

broken_stores! {
    state::UpsertsOnMissing: "destroy_wins::over_a_late_update", "lifecycle::an_unknown_id_is_not_found";
    state::WritesTheWholeBlob: "concurrency::two_fields_are_both_kept", "concurrency::no_update_of_many_writers_is_lost";
    state::IgnoresTheDifference: "algebra::difference_removes", "algebra::clear_then_insert_replaces_the_field";
    state::AppliesInTwoSteps: "cancellation::of_an_update", "algebra::composition_equals_applying_in_sequence";
    state::WritesEntryByEntry: "concurrency::readers_see_whole_deltas", "cancellation::of_an_update";
    state::IgnoresOpIds: "exactly_once::a_retry_does_not_undo_another_writers_update";
    state::IgnoresPreconditions: "preconditions::an_old_stamp_conflicts", "concurrency::a_one_time_token_is_taken_once",
        "concurrency::compare_and_set_on_the_stamp_counts_exactly", "concurrency::compare_and_set_on_an_entry_counts_exactly";
    state::CountsEmptyDeltas: "algebra::the_empty_delta_is_the_identity";
    state::TagsByVersion: "lifecycle::stamps_are_derived_from_op_ids";
    state::ComparesVersionsOnly: "lifecycle::an_equal_version_is_not_an_equal_stamp";
    state::AppliesLateUpdates: "exactly_once::an_update_after_its_time_is_not_applied";
    state::RefusesLateRepeats: "exactly_once::a_repeat_after_its_time_changes_nothing";
    state::NeverSaysUnknown: "exactly_once::a_retry_sixteen_versions_behind_is_unknown",
        "sign_in::a_late_update_of_another_principal_is_refused";
    state::HasNoLimits: "limits::the_value_limit_is_exact", "limits::the_entry_limit_is_exact";
    state::AppliesPartOfARefusedUpdate: "limits::the_value_limit_is_exact";
    state::ReadsRefusalAsMissing: "limits::the_entry_limit_is_exact";
    state::JoinsFieldAndKey: "input::field_and_key_do_not_run_together";
    time::ForgetsTheDeadline: "expiry::an_unused_session_expires";
    time::TouchShortens: "expiry::a_touch_never_shortens_the_deadline";
    time::TouchPassesTheAbsoluteDeadline: "expiry::use_extends_the_session_up_to_the_absolute_deadline";
    time::TouchesCountFromNow: "expiry::a_late_touch_counts_from_the_use";
    time::LoadRenews: "expiry::a_load_renews_no_deadline";
    time::LocalReadsRenew: "expiry::a_passive_open_renews_no_deadline";
    time::UpdatesDoNotRenew: "expiry::an_update_renews_the_idle_deadline";
    time::IgnoresNewDeadlines: "new_deadlines::an_update_sets_deadlines", "new_deadlines::deadlines_alone_are_an_update";
    time::NewDeadlinesOnlyExtend: "new_deadlines::an_update_sets_deadlines",
        "new_deadlines::an_earlier_deadline_ends_the_session";
    time::ReturnsTheExpired: "expiry::a_session_is_gone_at_its_deadline";
    time::CountsInSeconds: "expiry::deadlines_are_not_rounded_to_seconds";
    time::RotatesInTwoSteps: "cancellation::of_a_rotation", "rotation_race::readers_find_the_session_throughout_a_renewal",
        "rotation_race::readers_find_the_session_throughout_a_sign_in";
    renewal::EndsWithTheGrace: "renewal::a_lost_response_ends_no_session";
    renewal::RenewsAgain: "renewal::a_late_repeat_of_a_renewal_changes_nothing";
    renewal::ForwardsForever: "renewal::the_first_use_ends_the_old_id_after_the_grace";
    renewal::ConfirmsByReading: "renewal::reading_confirms_nothing";
    renewal::ConfirmsThroughTheOldId: "renewal::a_lost_response_ends_no_session";
    renewal::NeverSaysUnconfirmed: "renewal::a_record_says_that_it_is_unconfirmed";
    renewal::KeepsTheUnusedId: "renewal::a_renewal_through_an_unconfirmed_one_replaces_the_unused_id";
    renewal::WaitsForEver: "renewal::an_unconfirmed_renewal_ends_in_its_time";
    renewal::ForgetsTheOldId: "renewal::the_first_use_ends_the_old_id_after_the_grace";
    sign_in::NeedsTheOldId: "sign_in::a_sign_in_needs_no_session", "sign_in::a_second_sign_in_copies_the_first",
        "sign_in::many_sign_ins_from_one_id_all_succeed";
    sign_in::LosesTheCart: "sign_in::a_second_sign_in_copies_the_first";
    sign_in::InheritsEntries: "sign_in::another_principal_starts_fresh";
    sign_in::RevivesByRepeating: "sign_in::a_repeat_recreates_nothing";
    sign_in::CountsTheCopied: "sign_in::a_second_sign_in_at_the_cap_is_admitted";
    sign_in::EndsWhatItDoesNotCopy: "sign_in::a_session_that_is_not_copied_counts_under_a_cap";
    sign_in::NamesNoPrincipal: "sign_in::a_record_names_the_principal";
    sign_in::ForgetsTheBinding: "sign_in::values_stay_bound_to_their_incarnation";
    sign_in::IgnoresRevocations: "revocation::a_sign_in_that_began_before_a_revocation_is_refused",
        "revocation::a_conditional_sign_in_races_a_revocation";
    sign_in::ForgetsNotes: "note::a_note_is_listed", "note::a_touch_replaces_the_note";
    time::ForwardsAfterSignIn: "rotation::a_privilege_rotation_supersedes_the_old_id";
    time::BothRotationsWin: "rotation_race::one_of_many_rotations_wins";
    time::ForgetsRotationsWithTheGrace: "exactly_once::a_rotation_repeated_after_its_grace_answers_rotated";
    time::RotatesWithoutTheDelta: "rotation::a_delta_is_applied_in_the_same_step";
    time::ComparesRegions: "rotation::the_bits_of_a_region_name_no_partition";
    time::LeavesNoTombstone: "destroy_wins::over_a_delayed_create", "exactly_once::a_repeated_destroy_answers_destroyed";
    time::ForgetsTheReason: "lifecycle::a_tombstone_keeps_reason_and_age";
    time::KeepsTombstonesForever: "destroy_wins::until_the_tombstone_ends",
        "destroy_wins::the_id_is_free_when_the_tombstone_ends";
    index::ForgetsRotations: "index::the_index_follows_a_rotation";
    index::ListsByCreation: "index::an_old_session_that_signs_in_is_listed_first";
    index::RevokesAllButOne: "revocation::all_sessions_are_revoked";
    index::RevokesTheExceptedSession: "revocation::all_sessions_except_one_are_revoked";
    index::ListsAfterCreating: "cancellation::of_a_sign_in";
    index::RevokesWithoutTombstones: "revocation::sign_ins_race_a_revocation";
    index::RevokesWhatItListed: "revocation::rotations_race_a_revocation",
        "revocation::a_session_that_moved_twice_is_revoked";
    index::HasNoCaps: "index::a_cap_refuses_one_session_more", "index::a_cap_ends_the_oldest";
    index::EnforcesTheCapAgain: "index::a_repeat_ends_nothing_for_later_sign_ins";
    index::ListsOnePage: "many_sessions::a_page_has_the_latest";
    index::RevokesOnePage: "many_sessions::all_are_revoked";
    index::CapsShortListsOnly: "many_sessions::a_cap_is_enforced";
    index::DoesNotFence: "lock::a_lease_expires";
    index::NeverCounts: "lock::token_counters_grow";
    feed::Drops: "feed::stamps_form_a_chain";
    feed::Duplicates: "feed::stamps_form_a_chain";
    feed::Reorders: "feed::stamps_form_a_chain";
    feed::AnswersBarriersEarly: "feed::a_barrier_follows_earlier_changes";
    feed::CarriesTheWrongDelta: "feed::carried_deltas_patch_a_copy";
    feed::PatchesDeadlines: "feed::new_deadlines_are_published_without_a_delta", "watching::an_earlier_deadline_is_noticed";
    feed::DropsGaps: "feed::a_slow_subscriber_misses_nothing_silently";
    watching::HidesEnds: "watching::an_end_is_reported", "watching::a_revocation_is_reported";
    watching::NamesAnotherSession: "watching::an_end_is_reported";
    watching::LosesRotations: "watching::the_session_is_followed";
    watching::BeginsWithAGap: "watching::other_sessions_stay_watched";
}

/// The correct store with one fault.
pub(crate) struct BrokenHarness(pub(crate) fn() -> Arc<dyn Fault>);

impl Harness for BrokenHarness {
    type Backend = (Toy, ManualClock, Arc<dyn Fault>);

    async fn start(&self) -> Self::Backend {
        let (toy, clock) = ToyHarness.start().await;
        (toy, clock, (self.0)())
    }

    async fn node(&self, (toy, _, fault): &Self::Backend) -> Arc<dyn SessionStore> {
        Arc::new(FaultyStore { inner: toy.node(), fault: fault.clone() })
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
