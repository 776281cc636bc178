//! A primary that is paused, replaced, and resumed, with requests waiting in its sockets that clients have sent
//! elsewhere since.

use session_core::store::GapCause;
use session_testkit::{Cluster, SentinelTrio};

use crate::{
    outlive::{ids, outlive, report},
    topology::{PARTITIONS, in_cluster, slot_of, under_sentinel},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_sentinel_it_follows_the_new_one() {
    let trio = SentinelTrio::start().await;
    let store = under_sentinel(&trio).await;
    let outcome = outlive(&store, &ids(&[0, 1, 2, 3]), (2, GapCause::FailedOver), async |load| {
        let old = trio.primary().await;
        old.pause().await;
        // The old primary answers nothing any more, so another one has executed all later acknowledged writes.
        let safe_from = load.next_phase();
        trio.wait_for_new_primary(old).await;
        load.go_on(2).await;
        old.resume().await;
        trio.wait_until_settled().await;
        safe_from
    })
    .await;
    report("Sentinel, primary paused and replaced", &outcome);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_it_follows_the_new_one() {
    let cluster = Cluster::start(3, 1).await;
    let store = in_cluster(&cluster, PARTITIONS).await;
    let slot = slot_of(0, PARTITIONS);
    let old = cluster.primary_of(slot).await;
    let outcome = outlive(&store, &ids(&[0, 1, 2, 5]), (1, GapCause::FailedOver), async |load| {
        old.pause().await;
        let safe_from = load.next_phase();
        cluster.wait_for_new_primary(slot, old).await;
        load.go_on(2).await;
        old.resume().await;
        cluster.wait("it follows", || async { (old.info("role").await? == "slave").then_some(()) }).await;
        cluster.wait_until_agreed().await;
        safe_from
    })
    .await;
    report("Cluster, primary paused and replaced", &outcome);
}
