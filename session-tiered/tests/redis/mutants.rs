//! Mechanisms that are broken on purpose, one at a time. Each violates a guarantee in a way that a reader can see, on real
//! servers. The rest of this suite runs the same scenarios on sound nodes.

use session_tiered_sim::Mutant;

use crate::{
    bound::change_over_a_slow_feed,
    cache::broken,
    ends::end_between_subscriptions,
    failover::two_histories,
    fills::{ended_in_flight, heard_while_it_lands, replaced_in_flight},
    forged::{successor_in_another_partition, there_and_back},
    gaps::{changed_between_subscriptions, flushed, overrun},
    node::Verdict,
};

/// A violation must be seen. It depends on timing that the machine may miss, so there are several attempts. The other tests
/// show that a sound node has no violation.
async fn is_seen(scenario: impl AsyncFn() -> Verdict) {
    for _ in 0..10 {
        if let Err(violation) = scenario().await {
            return println!("seen: {violation}");
        }
    }
    panic!("the mechanism is broken, and no violation was seen");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_floor() {
    is_seen(async || replaced_in_flight(|split| broken(split, Mutant::DropFloor)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forget_tombstone() {
    is_seen(async || ended_in_flight(|split| broken(split, Mutant::ForgetTombstone)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_then_insert() {
    is_seen(async || heard_while_it_lands(|split| broken(split, Mutant::CheckThenInsert), 10).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skip_epoch() {
    is_seen(async || changed_between_subscriptions(|split| broken(split, Mutant::SkipEpoch)).await).await;
    is_seen(async || end_between_subscriptions(|split| broken(split, Mutant::SkipEpoch)).await).await;
    is_seen(async || flushed(4, |split| broken(split, Mutant::SkipEpoch)).await).await;
}

/// On one thread, as the scenario requires.
#[tokio::test]
async fn skip_epoch_after_an_overrun() {
    is_seen(async || overrun(|split| broken(split, Mutant::SkipEpoch)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lease_from_receipt() {
    is_seen(async || change_over_a_slow_feed(|split| broken(split, Mutant::LeaseFromReceipt)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patch_wrong_stamp() {
    is_seen(async || two_histories(|split| broken(split, Mutant::PatchWrongStamp)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trust_publisher() {
    is_seen(async || there_and_back(false, |split| broken(split, Mutant::TrustPublisher)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trust_any_heartbeat() {
    is_seen(async || successor_in_another_partition(|split| broken(split, Mutant::TrustAnyHeartbeat)).await).await;
}
