//! Nodes that are wrong on purpose: each is caught, by the rule that it breaks, in a run that is clean otherwise.

mod common;

use common::Short;
use session_history::{
    harness::{FaultKind, Topology},
    worker::Mutant,
};

/// The seeds among which a mutant must be caught: on a busy machine one run may have too few calls.
const SEEDS: u64 = 6;

fn short(seed: u64, mutant: Option<Mutant>, faults: &[FaultKind]) -> Short {
    Short { topology: Topology::Single, seed, seconds: 3, faults: faults.to_vec(), mutant }
}

async fn is_caught(mutant: Mutant, faults: &[FaultKind]) {
    for seed in 0..SEEDS {
        let judged = short(seed, Some(mutant), faults).judge().await;
        if judged.report.by_rule().contains_key(mutant.rule()) {
            return;
        }
    }
    panic!("{mutant:?} does not break {}", mutant.rule());
}

macro_rules! caught {
    ($($name:ident: $mutant:ident $([$($fault:ident),+])?;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            is_caught(Mutant::$mutant, &[$($(FaultKind::$fault),+)?]).await;
        }
    )*};
}

caught! {
    stale_copies: StaleCopies;
    stale_store_reads: StaleStoreReads;
    forgets_own_writes: ForgetsOwnWrites;
    reorders: Reorders;
    ignores_floors: IgnoresFloors;
    fresh_op_ids: FreshOpIds;
    drops_writes: DropsWrites;
    drops_destroys: DropsDestroys;
    resurrects: Resurrects;
    absent_is_empty: AbsentIsEmpty;
    failed_is_absent: FailedIsAbsent [LinksCut, LinksHeld, LinksHalfOpen];
    unknown_is_refused: UnknownIsRefused [RepliesLost, LinksCut, ClientsKilled];
    ignores_preconditions: IgnoresPreconditions;
    renews_for_privilege: RenewsForPrivilege;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_runs_are_clean_without_a_mutant() {
    use FaultKind::{ClientsKilled, LinksCut, LinksHalfOpen, LinksHeld, RepliesLost};
    for faults in [&[][..], &[LinksCut, LinksHeld, LinksHalfOpen], &[RepliesLost, LinksCut, ClientsKilled]] {
        short(0, None, faults).is_clean().await;
    }
}

/// The session must forget the update before it arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_late() {
    let mutant = Mutant::SendsLate;
    let judged = Short { seconds: 8, ..short(0, Some(mutant), &[]) }.judge().await;
    assert!(judged.report.by_rule().contains_key(mutant.rule()), "{mutant:?} does not break {}", mutant.rule());
}
