//! A slot moves to another primary while its sessions are cached and used.

use session_core::SessionId;
use session_redis::RedisConfig;
use session_testkit::Cluster;

use crate::{
    cache::SOUND,
    node::{Node, PARTITIONS, PATIENT, Seen, Written, kept, now, shown_in_time, shown_late, slot_of},
    split::Split,
    until,
    watch::Watch,
};

async fn node(cluster: &Cluster) -> Node {
    Node::of(Split::none(PATIENT.connect(RedisConfig::cluster(cluster.urls())).await), SOUND)
}

/// A session in another slot.
async fn open_elsewhere(node: &Node, slot: u16) -> SessionId {
    loop {
        let other = node.open().await;
        if slot_of(&other, PARTITIONS) != slot {
            return other;
        }
    }
}

/// The epoch of its partition ends, those of the others do not. A write during the move, or after it, is seen within the
/// bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_i6_a_slot_moves() {
    let cluster = Cluster::start(2, 0).await;
    let (writer, reader) = (node(&cluster).await, node(&cluster).await);
    let id = writer.open().await;
    let slot = slot_of(&id, PARTITIONS);
    let from = cluster.primary_of(slot).await;
    let to = cluster.nodes().iter().find(|node| *node != from).unwrap();
    let elsewhere = open_elsewhere(&writer, slot).await;
    reader.warm(&id).await;
    reader.warm(&elsewhere).await;
    let before = reader.stats();
    let watch = Watch::start(&reader, &id);
    let moving = cluster.begin_move(slot, to).await;
    let written = writer.write(&id, 1).await;
    kept(shown_in_time(&reader, &id, written.at, Seen::Step(1)).await);
    while moving.move_keys(1).await > 0 {}
    moving.finish().await;
    let written = until("a write is acknowledged", || async {
        let applied = writer.try_write(&id, 2).await.ok()?;
        Some(Written { at: now(), stamp: applied.stamp })
    })
    .await;
    kept(shown_in_time(&reader, &id, written.at, Seen::Step(2)).await);
    until("it follows", || async { (reader.see(&id).await == Seen::Step(2)).then_some(()) }).await;
    watch.end().await;
    until("the move is reported", || async { (reader.stats().gaps >= before.gaps + 2).then_some(()) }).await;
    // This partition's epoch ends when it leaves and when it arrives. If the push of that comes while a heartbeat is in
    // flight, the epochs of the partitions on the same connection end too; those of the other primary do not.
    let ended = reader.stats().epochs_ended - before.epochs_ended;
    assert!((2..=u64::from(PARTITIONS)).contains(&ended), "{ended} epochs ended");
    reader.warm(&id).await;
    let written = writer.write(&id, 3).await;
    kept(shown_late(&reader, &id, written.at, Seen::Step(3)).await);
    let written = writer.write(&elsewhere, 1).await;
    kept(shown_late(&reader, &elsewhere, written.at, Seen::Step(1)).await);
}
