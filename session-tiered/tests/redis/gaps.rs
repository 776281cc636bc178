//! I6: no silent gap. A gap ends the epoch at once and visibly, and the store is not flooded afterwards.

use session_core::{LoadOptions, SessionId};
use session_testkit::{Direction, Server};

use crate::{
    cache::{Build, SOUND, sound},
    cut_off::CutOff,
    node::{Node, PATIENT, Plan, Seen, Verdict, bound_over, kept, now, shown_late},
    until,
};

/// A change is published while the feed is down. When the feed is back, with a lease, the copy is revalidated.
pub(crate) async fn changed_between_subscriptions(build: Build) -> Verdict {
    let cut_off = CutOff::start(build).await;
    let written = cut_off.writer.write(&cut_off.id, 1).await;
    cut_off.heal().await;
    shown_late(&cut_off.reader, &cut_off.id, written.at, Seen::Step(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_changed_between_two_subscriptions() {
    kept(changed_between_subscriptions(SOUND).await);
}

/// More changes arrive at once than the buffer of a subscriber holds; the first of them is the one that matters. On one thread
/// the connection receives all of them before the listener gets its turn.
pub(crate) async fn overrun(build: Build) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let [id, other] = writer.open_two().await;
    let (reader, links) = Node::linked(&server, Plan { buffer: 4, build, ..PATIENT }).await;
    reader.warm(&id).await;
    links.listening.hold(Direction::Replies);
    let written = writer.write(&id, 1).await;
    for to in 1..200 {
        writer.write(&other, to).await;
    }
    links.listening.release(Direction::Replies);
    until("the gap is noticed", || async { (reader.stats().gaps > 0).then_some(()) }).await;
    // With a lease again.
    reader.warm(&other).await;
    shown_late(&reader, &id, written.at, Seen::Step(1)).await
}

#[tokio::test]
async fn i6_the_buffer_overruns() {
    kept(overrun(SOUND).await);
}

/// The server is flushed, and publishes nothing about it.
pub(crate) async fn flushed(partitions: u32, build: Build) -> Verdict {
    let server = Server::start().await;
    let plan = Plan { partitions, ..PATIENT }.built(build);
    let store = plan.store(server.url()).await;
    let reader = Node::of(crate::split::Split::none(store), build);
    let mut ids = Vec::new();
    for _ in 0..partitions * 2 {
        let id = SessionId::generate().unwrap();
        reader.create(&id).await;
        ids.push(id);
    }
    for id in &ids {
        reader.warm(id).await;
    }
    // Heartbeats of each partition have been answered.
    let beats = reader.stats().heartbeats;
    let all = u64::from(2 * partitions);
    until("heartbeats go round", || async { (reader.stats().heartbeats > beats + all).then_some(()) }).await;
    server.command(&["FLUSHALL"]).await;
    let at = now();
    bound_over(at).await;
    for id in &ids {
        shown_late(&reader, id, at, Seen::Absent).await?;
    }
    if reader.stats().gaps == 0 {
        return Err("it was noticed, and not reported".into());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_flushed_with_one_partition() {
    kept(flushed(1, SOUND).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_flushed_with_many_partitions() {
    kept(flushed(8, SOUND).await);
}

/// After a gap, a limited number of copies is revalidated at the same time, and unchanged ones are not transferred.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_ended_copies_are_revalidated_and_the_store_is_not_stormed() {
    const SESSIONS: u64 = 100;
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let mut ids = Vec::new();
    for _ in 0..SESSIONS {
        ids.push(writer.open().await);
    }
    let (reader, links) = Node::linked(&server, PATIENT.built(|split| sound(split).revalidations(4).into())).await;
    for id in &ids {
        reader.warm(id).await;
    }
    links.listening.close().await;
    until("the feed is back", || async { (reader.stats().gaps >= 2).then_some(()) }).await;
    let (before, held) = (reader.stats(), links.commands.bytes_up());
    links.commands.hold(Direction::Requests);
    let reads: Vec<_> = ids
        .iter()
        .map(|id| {
            let (store, id) = (reader.store.clone(), *id);
            tokio::spawn(async move { crate::node::read(&store.load(&id, LoadOptions::default()).await) })
        })
        .collect();
    until("all ask", || async { (reader.stats().misses >= before.misses + SESSIONS).then_some(()) }).await;
    assert_eq!(links.commands.bytes_up(), held);
    let waiting = links.commands.held_bytes(Direction::Requests);
    links.commands.release(Direction::Requests);
    for read in reads {
        assert_eq!(crate::within("a read ends", read).await.unwrap(), Seen::Step(0));
    }
    let sent = usize::try_from(links.commands.bytes_up() - held).unwrap();
    assert!(waiting * 10 < sent, "{waiting} bytes of {sent} were under way at once");
    assert_eq!(reader.stats().revalidated - before.revalidated, SESSIONS, "{:?}", reader.stats());
}
