//! Another server becomes the primary, because the old one died or because an administrator ordered it.
//!
//! An update that was acknowledged with `Applied::replicas` equal to the number of all replicas survives, since
//! whichever replica is promoted has it. Any other update can be lost: a primary acknowledges before it has replicated
//! the update, and a replica that has an update need not be the one that is promoted.

use session_core::store::{GapCause, SessionStore};
use session_testkit::{Cluster, SentinelTrio};

use crate::{
    outlive::{ids, outlive, report},
    topology::{PARTITIONS, in_cluster, slot_of, under_sentinel},
    until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_sentinel() {
    let trio = SentinelTrio::start().await;
    let store = under_sentinel(&trio).await;
    let outcome = outlive(&store, &ids(&[0, 1, 2, 3]), (2, GapCause::FailedOver), async |load| {
        let old = trio.kill_primary().await;
        // The old primary is dead, so another one has executed all later acknowledged writes.
        let safe_from = load.next_phase();
        trio.wait_for_new_primary(old).await;
        safe_from
    })
    .await;
    report("Sentinel, primary killed", &outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_a_cluster() {
    let cluster = Cluster::start(3, 1).await;
    let store = in_cluster(&cluster, PARTITIONS).await;
    let slot = slot_of(0, PARTITIONS);
    let old = cluster.primary_of(slot).await;
    let outcome = outlive(&store, &ids(&[0, 1, 2, 5]), (1, GapCause::FailedOver), async |load| {
        old.kill().await;
        let safe_from = load.next_phase();
        cluster.wait_for_new_primary(slot, old).await;
        safe_from
    })
    .await;
    report("Cluster, primary killed", &outcome);
}

/// Sentinel promotes a replica first and demotes the old primary afterwards: until then it accepts writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordered_of_sentinel() {
    let trio = SentinelTrio::start().await;
    let store = under_sentinel(&trio).await;
    let outcome = outlive(&store, &ids(&[0, 1, 2, 3]), (2, GapCause::FailedOver), async |load| {
        trio.fail_over().await;
        trio.wait_until_settled().await;
        load.next_phase()
    })
    .await;
    report("Sentinel, failover ordered", &outcome);
}

/// The old primary accepts no writes once its replicas follow the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordered_of_sentinel_with_min_replicas_to_write() {
    let trio = SentinelTrio::builder().min_replicas_to_write(1, 1).start().await;
    let store = under_sentinel(&trio).await;
    until("the replicas are counted", || async { store.check().await.ok() }).await;
    let outcome = outlive(&store, &ids(&[0, 1, 2, 3]), (2, GapCause::FailedOver), async |load| {
        trio.fail_over().await;
        trio.wait_until_settled().await;
        load.next_phase()
    })
    .await;
    report("Sentinel, failover ordered, min-replicas-to-write 1", &outcome);
}

/// The old primary of a cluster pauses its clients until the new one has everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ordered_in_a_cluster() {
    let cluster = Cluster::start(3, 1).await;
    let store = in_cluster(&cluster, PARTITIONS).await;
    let slot = slot_of(0, PARTITIONS);
    let outcome = outlive(&store, &ids(&[0, 1, 2, 5]), (1, GapCause::SlotMoved), async |load| {
        let replica = cluster.replicas_of(slot).await[0];
        cluster.fail_over_to(replica).await;
        load.next_phase()
    })
    .await;
    report("Cluster, failover ordered", &outcome);
    assert!(outcome.rows.iter().all(|(_, tally)| tally.lost == 0), "an ordered failover of a cluster loses nothing");
}
