//! Primaries die, are paused, or are cut off and go on.

use std::time::Duration;

use session_core::{
    SessionId,
    model::{Delta, Field, Format, Value},
    store::{NewSession, Update, WriteOptions},
};
use session_redis::{RedisConfig, Sentinel};
use session_testkit::{Cluster, SentinelTrio, Server};

use crate::{
    cache::{Build, SOUND},
    node::{
        BOUND, HASTY, Node, PARTITIONS, Seen, Verdict, Written, bound_over, kept, new_session, now, op, shown_in_time,
        slot_of,
    },
    split::Split,
    until,
    watch::Watch,
};

/// A new session whose create waits for replicas.
fn waiting_for(replicas: u32) -> NewSession {
    NewSession { write: WriteOptions { replicas, ..op().into() }, ..new_session() }
}

async fn under_sentinel(trio: &SentinelTrio) -> Node {
    let config = RedisConfig::sentinel(trio.sentinel_urls(), Sentinel::new(trio.master_name()));
    Node::of(Split::none(HASTY.connect(config).await), SOUND)
}

/// A node that knows the servers by address, and so stays at a server while that is a primary.
async fn inside(trio: &SentinelTrio, old: &Server, build: Build) -> Node {
    let others = trio.servers().iter().filter(|server| *server != old);
    let urls: Vec<String> = std::iter::once(old).chain(others).map(Server::url).collect();
    Node::of(Split::none(HASTY.connect(RedisConfig::default().urls(urls)).await), build)
}

async fn in_cluster(cluster: &Cluster) -> Node {
    Node::of(Split::none(HASTY.connect(RedisConfig::cluster(cluster.urls())).await), SOUND)
}

/// Writes as soon as a primary accepts it.
async fn write(node: &Node, id: &SessionId, to: u64) -> Written {
    until("a write is acknowledged", || async {
        let applied = node.try_write(id, to).await.ok()?;
        Some(Written { at: now(), stamp: applied.stamp })
    })
    .await
}

/// A session whose first change has reached all replicas.
async fn durable(node: &Node, replicas: u32) -> SessionId {
    until("a session is stored on all replicas", || async {
        let id = SessionId::generate().unwrap();
        let new = waiting_for(replicas);
        session_core::store::SessionStore::create(&node.store, &id, &new).await.ok().map(|_| id)
    })
    .await
}

/// The primary is killed while a node has a copy: writes before and after are seen within the bound, and reads do not go back.
async fn killed(writer: &Node, reader: &Node, id: &SessionId, kill: impl Future<Output = ()>) {
    reader.warm(id).await;
    let gaps = reader.stats().gaps;
    let watch = Watch::start(reader, id);
    kill.await;
    let written = write(writer, id, 1).await;
    kept(shown_in_time(reader, id, written.at, Seen::Step(1)).await);
    until("it follows", || async { (reader.see(id).await == Seen::Step(1)).then_some(()) }).await;
    reader.warm(id).await;
    assert!(reader.stats().gaps > gaps, "the failover is reported");
    let written = write(writer, id, 2).await;
    kept(shown_in_time(reader, id, written.at, Seen::Step(2)).await);
    watch.end().await;
    assert_eq!(reader.stats().history_lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_i3_i6_under_sentinel_the_primary_is_killed() {
    let trio = SentinelTrio::builder().min_replicas_to_write(1, 1).start().await;
    let (writer, reader) = (under_sentinel(&trio).await, under_sentinel(&trio).await);
    let id = durable(&writer, 2).await;
    killed(&writer, &reader, &id, async { _ = trio.kill_primary().await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_i3_i6_in_a_cluster_the_primary_is_killed() {
    let cluster = Cluster::start(3, 1).await;
    let (writer, reader) = (in_cluster(&cluster).await, in_cluster(&cluster).await);
    let id = durable(&writer, 1).await;
    let kill = async { cluster.primary_of(slot_of(&id, PARTITIONS)).await.kill().await };
    killed(&writer, &reader, &id, kill).await;
}

/// A primary is paused, replaced, and resumed as if nothing had happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_in_a_cluster_the_primary_is_held_up() {
    let cluster = Cluster::start(3, 1).await;
    let (writer, reader) = (in_cluster(&cluster).await, in_cluster(&cluster).await);
    let id = durable(&writer, 1).await;
    let slot = slot_of(&id, PARTITIONS);
    reader.warm(&id).await;
    let old = cluster.primary_of(slot).await;
    let watch = Watch::start(&reader, &id);
    old.pause().await;
    let written = write(&writer, &id, 1).await;
    kept(shown_in_time(&reader, &id, written.at, Seen::Step(1)).await);
    old.resume().await;
    cluster.wait("it follows", || async { (old.info("role").await? == "slave").then_some(()) }).await;
    until("it follows", || async { (reader.see(&id).await == Seen::Step(1)).then_some(()) }).await;
    reader.warm(&id).await;
    kept(shown_in_time(&reader, &id, written.at, Seen::Step(1)).await);
    watch.end().await;
}

/// A primary is cut off from its replicas and from the sentinels, and goes on for a node that still reaches it. It refuses
/// heartbeats and the guards of reads before another server becomes the primary. So that node answers nothing, neither
/// locally nor from the old primary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_an_isolated_primary_vouches_for_nothing() {
    let trio = SentinelTrio::builder().min_replicas_to_write(1, 1).down_after(Duration::from_secs(4)).behind_links();
    let trio = trio.start().await;
    let old = trio.primary().await;
    let (writer, reader) = (under_sentinel(&trio).await, inside(&trio, old, SOUND).await);
    let id = durable(&writer, 2).await;
    reader.warm(&id).await;
    trio.link_of(old).cut().await;
    trio.wait_for_new_primary(old).await;
    let written = write(&writer, &id, 1).await;
    bound_over(written.at).await;
    let hits = reader.stats().hits;
    for _ in 0..200 {
        assert_eq!(reader.see(&id).await, Seen::Failed, "the old primary is not believed");
    }
    assert_eq!(reader.stats().hits, hits, "an old state was served locally longer than {BOUND:?}");
    trio.link_of(old).heal().await;
    trio.wait_until_settled().await;
    until("it follows", || async { (reader.see(&id).await == Seen::Step(1)).then_some(()) }).await;
    reader.warm(&id).await;
    kept(shown_in_time(&reader, &id, written.at, Seen::Step(1)).await);
}

/// A replica of a cluster is elected before the old primary notices that it is isolated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_an_isolated_primary_of_a_cluster_vouches_for_nothing() {
    let cluster = Cluster::builder().node_timeout(Duration::from_secs(4)).can_split();
    let cluster = cluster.each(|node| node.config("min-replicas-to-write", 1).config("min-replicas-max-lag", 1));
    let cluster = cluster.start().await;
    let reader = in_cluster(&cluster).await;
    let id = durable(&reader, 1).await;
    let slot = slot_of(&id, PARTITIONS);
    let old = cluster.primary_of(slot).await;
    // Otherwise it would notice in time in half of the runs.
    old.command(&["CONFIG", "SET", "cluster-node-timeout", "60000"]).await.expect("CONFIG SET");
    reader.warm(&id).await;
    cluster.isolate(old);
    cluster.wait_for_new_primary(slot, old).await;
    bound_over(now()).await;
    let hits = reader.stats().hits;
    for _ in 0..200 {
        assert_eq!(reader.see(&id).await, Seen::Failed, "the old primary is not believed");
    }
    assert_eq!(reader.stats().hits, hits, "an old state was served locally longer than {BOUND:?}");
    cluster.heal().await;
    until("it follows", || async { (reader.see(&id).await == Seen::Step(0)).then_some(()) }).await;
}

/// Two nodes with changes that were acknowledged by different primaries. Only one primary's changes survive.
struct Divided {
    writer: Node,
    reader: Node,
    id: SessionId,
    /// Another session whose changes were lost, and which has not been changed since.
    forgotten: SessionId,
    /// A session that was not changed. It shows what the reader has received.
    witness: SessionId,
    _trio: SentinelTrio,
}

impl Divided {
    async fn start(build: Build) -> Self {
        let trio = SentinelTrio::builder().replicas(1).behind_links().start().await;
        let old = trio.primary().await;
        let (writer, reader) = (under_sentinel(&trio).await, inside(&trio, old, build).await);
        let id = durable(&writer, 1).await;
        let [witness, forgotten] = [id.generate_sibling().unwrap(), id.generate_sibling().unwrap()];
        for other in [&witness, &forgotten] {
            writer.create_as(other, &waiting_for(1)).await;
        }
        for id in [&id, &witness, &forgotten] {
            reader.warm(id).await;
        }
        trio.link_of(old).cut().await;
        let ours = reader.write(&id, 1).await.stamp;
        for to in 1..=5 {
            reader.write(&forgotten, to).await;
        }
        trio.wait_for_new_primary(old).await;
        let theirs = write(&writer, &id, 2).await.stamp;
        assert!(ours.version() == theirs.version() && ours != theirs, "one version, two states");
        let gaps = reader.stats().gaps;
        trio.link_of(old).heal().await;
        trio.wait_until_settled().await;
        until("the feed follows", || async { (reader.stats().gaps >= gaps + 2).then_some(()) }).await;
        Self { writer, reader, id, forgotten, witness, _trio: trio }
    }
}

/// The same without `min-replicas-to-write`: the old primary acknowledges writes that are lost when it returns. Then one
/// version is two states, and a change of one must not be applied to the other. A node that had seen more than the store
/// now has reports the loss.
pub(crate) async fn two_histories(build: Build) -> Verdict {
    let Divided { writer, reader, id, forgotten, witness, _trio } = Divided::start(build).await;
    reader.warm(&witness).await;
    // This change leaves the step as it is.
    let mut delta = Delta::new();
    delta.set(Field::new("other").unwrap(), Value::new(Format::JSON, b"1"));
    writer.store.apply(&id, &Update::new(op(), delta)).await.unwrap();
    writer.write(&witness, 1).await;
    until("the witness's change is received", || async { (reader.see(&witness).await == Seen::Step(1)).then_some(()) })
        .await;
    if reader.see(&id).await != Seen::Step(2) {
        return Err("a change was applied to a state of another history".into());
    }
    assert_eq!(reader.see(&forgotten).await, Seen::Step(0), "the lost changes do not come back");
    if reader.stats().history_lost == 0 {
        return Err("history was lost, and it was not reported".into());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_i8_two_histories_are_told_apart() {
    kept(two_histories(SOUND).await);
}
