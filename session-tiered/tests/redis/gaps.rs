//! I6: no silent gap. Whatever was missed ends what was cached, at once and visibly; and nobody is stormed afterwards.

use session_core::SessionId;
use session_testkit::{Direction, Server};

use crate::{
    node::{HASTY, Node, PATIENT, Plan, SOUND, Seen, Tune, Verdict, bound_over, kept, now, shown_late},
    until,
};

/// A change is told while the feed is away. When it is back, with a lease, the copy is compared with the store.
pub(crate) async fn changed_between_subscriptions(tune: Tune) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let [id, witness] = writer.open_two().await;
    let (reader, links) = Node::linked(&server, HASTY.tuned(tune)).await;
    reader.warm(&id).await;
    reader.warm(&witness).await;
    links.listening.cut().await;
    let written = writer.write(&id, 1).await;
    links.listening.heal().await;
    until("the feed is back", || async { (reader.stats().gaps >= 2).then_some(()) }).await;
    reader.warm(&witness).await;
    shown_late(&reader, &id, written.at, Seen::Step(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_changed_between_two_subscriptions() {
    kept(changed_between_subscriptions(SOUND).await);
}

/// More changes come at once than wait for a subscriber at most; the one that matters is the first of them. On one
/// thread the connection takes them all in before the listener has its turn.
pub(crate) async fn overrun(tune: Tune) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let [id, other] = writer.open_two().await;
    let (reader, links) = Node::linked(&server, Plan { buffer: 4, tune, ..PATIENT }).await;
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

/// Everything that the server has is flushed, and it tells nobody.
pub(crate) async fn flushed(partitions: u32, tune: Tune) -> Verdict {
    let server = Server::start().await;
    let plan = Plan { partitions, ..PATIENT }.tuned(tune);
    let store = plan.store(server.url()).await;
    let reader = Node::of(crate::split::Split::none(store), tune);
    let mut ids = Vec::new();
    for _ in 0..partitions * 2 {
        let id = SessionId::generate().unwrap();
        reader.create(&id).await;
        ids.push(id);
    }
    for id in &ids {
        reader.warm(id).await;
    }
    // Signs of life of each partition have been seen.
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
        return Err("it was noticed, and not told".into());
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

/// After a gap no more than so many copies are compared with the store at once, and none is fetched that has not
/// changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_ended_copies_are_revalidated_and_the_store_is_not_stormed() {
    const SESSIONS: u64 = 100;
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let mut ids = Vec::new();
    for _ in 0..SESSIONS {
        ids.push(writer.open().await);
    }
    let (reader, links) = Node::linked(&server, PATIENT.tuned(|builder| builder.revalidations(4))).await;
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
            tokio::spawn(
                async move { crate::node::read(&session_core::store::SessionStoreExt::get(&store, &id).await) },
            )
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
