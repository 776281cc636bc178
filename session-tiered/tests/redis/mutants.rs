//! Mechanisms that are broken on purpose, one at a time: each of them breaks a promise that a reader can see, on real
//! servers. The same scenarios are run elsewhere in this suite on sound nodes.

use session_tiered::Mutant;

use crate::{
    bound::change_over_a_slow_feed,
    ends::end_between_subscriptions,
    failover::two_histories,
    fills::{ended_in_flight, heard_while_it_lands, replaced_in_flight},
    gaps::{changed_between_subscriptions, flushed, overrun},
    node::Verdict,
};

/// A violation must come. What shows it depends on moments that the machine may miss, so there are some attempts; that
/// none is seen on a sound node, in any attempt, is what the other tests say.
async fn broken(scenario: impl AsyncFn() -> Verdict) {
    for _ in 0..10 {
        if let Err(violation) = scenario().await {
            return println!("seen: {violation}");
        }
    }
    panic!("the mechanism is broken, and nobody has seen it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_floor() {
    broken(async || replaced_in_flight(|builder| builder.mutant(Mutant::DropFloor)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forget_tombstone() {
    broken(async || ended_in_flight(|builder| builder.mutant(Mutant::ForgetTombstone)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_then_insert() {
    broken(async || heard_while_it_lands(|builder| builder.mutant(Mutant::CheckThenInsert), 10).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skip_epoch() {
    broken(async || changed_between_subscriptions(|builder| builder.mutant(Mutant::SkipEpoch)).await).await;
    broken(async || end_between_subscriptions(|builder| builder.mutant(Mutant::SkipEpoch)).await).await;
    broken(async || flushed(4, |builder| builder.mutant(Mutant::SkipEpoch)).await).await;
}

/// On one thread, as the scenario wants it.
#[tokio::test]
async fn skip_epoch_after_an_overrun() {
    broken(async || overrun(|builder| builder.mutant(Mutant::SkipEpoch)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lease_from_receipt() {
    broken(async || change_over_a_slow_feed(|builder| builder.mutant(Mutant::LeaseFromReceipt)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patch_wrong_stamp() {
    broken(async || two_histories(|builder| builder.mutant(Mutant::PatchWrongStamp)).await).await;
}
