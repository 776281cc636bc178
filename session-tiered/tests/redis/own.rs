//! I2 and I3: a node reads its own writes, and its reads never go back.

use std::time::Duration;

use session_core::{
    LoadOptions, ReadLevel, SessionId,
    store::{RotationKind, Update},
};
use session_testkit::{Direction, LinkCutter, Server};
use tokio::task::JoinHandle;

use crate::{
    cache::sound,
    node::{HASTY, Links, Node, PATIENT, Seen, op, read, step},
    until, within,
};

/// With the feed's changes, and also while the feed is silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_own_writes_are_read_at_once() {
    let server = Server::start().await;
    let (node, links) = Node::linked(&server, PATIENT).await;
    let id = node.open().await;
    node.warm(&id).await;
    for to in 1..20 {
        node.write(&id, to).await;
        assert_eq!(node.see(&id).await, Seen::Step(to));
    }
    node.warm(&id).await;
    links.listening.hold(Direction::Replies);
    for to in 20..40 {
        node.write(&id, to).await;
        assert_eq!(node.see(&id).await, Seen::Step(to));
    }
    links.listening.release(Direction::Replies);
    // The changes that arrive now are old.
    for _ in 0..200 {
        assert_eq!(node.see(&id).await, Seen::Step(39));
        tokio::task::yield_now().await;
    }
    node.end(&id).await;
    assert_eq!(node.see(&id).await, Seen::Absent);
}

/// A write whose answer is lost may have been executed: no older copy is served afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_after_an_unknown_outcome_the_store_is_asked() {
    let server = Server::start().await;
    let (node, links) = Node::linked(&server, HASTY).await;
    let id = node.open().await;
    node.warm(&id).await;
    // Only the write itself may update the node.
    links.listening.hold(Direction::Replies);
    links.commands.hold(Direction::Replies);
    node.try_write(&id, 1).await.unwrap_err();
    links.commands.heal().await;
    let answer = until("the store answers", || async {
        let seen = node.see(&id).await;
        (seen != Seen::Failed).then_some(seen)
    });
    assert_eq!(answer.await, Seen::Step(1));
}

/// The same for a write that is dropped before its answer arrives. Here a lease runs all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_after_a_write_is_given_up_the_store_is_asked() {
    let server = Server::start().await;
    let plan = PATIENT.built(|split| sound(split).max_staleness(Duration::from_secs(20)).into());
    let (node, links) = Node::linked(&server, plan).await;
    let id = node.open().await;
    node.warm(&id).await;
    links.listening.hold(Direction::Replies);
    links.commands.hold(Direction::Replies);
    let store = node.store.clone();
    let write = tokio::spawn(async move { store.apply(&id, &Update::new(op(), step(1))).await });
    links.commands.wait_for_held(Direction::Replies, 1).await;
    write.abort();
    assert!(within("it ends", write).await.unwrap_err().is_cancelled());
    links.commands.release(Direction::Replies);
    assert_eq!(node.see(&id).await, Seen::Step(1));
}

/// A copy never goes back behind a state read from the store: not by a late change, not by the feed's return, not by a move to
/// another id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_reads_do_not_go_back() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    let (reader, links) = Node::linked(&server, PATIENT).await;
    reader.warm(&id).await;
    links.listening.hold(Direction::Replies);
    for to in 1..=3 {
        writer.write(&id, to).await;
    }
    let latest = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
    assert_eq!(read(&reader.load(&id, latest).await), Seen::Step(3));
    for _ in 0..100 {
        assert_eq!(reader.see(&id).await, Seen::Step(3));
    }
    links.listening.release(Direction::Replies);
    for _ in 0..200 {
        assert_eq!(reader.see(&id).await, Seen::Step(3), "older changes were heard");
        tokio::task::yield_now().await;
    }
    links.listening.cut().await;
    writer.write(&id, 4).await;
    assert_eq!(read(&reader.load(&id, latest).await), Seen::Step(4));
    links.listening.heal().await;
    reader.warm(&id).await;
    assert_eq!(reader.see(&id).await, Seen::Step(4), "after the feed was back");
    let (to, _) = writer.rotate(&id, RotationKind::Renew).await;
    writer.write(&to, 5).await;
    assert_eq!(read(&reader.load(&to, latest).await), Seen::Step(5));
    for _ in 0..100 {
        assert_eq!((reader.see(&id).await, reader.see(&to).await), (Seen::Step(5), Seen::Step(5)), "through both ids");
    }
}

/// A state is loaded that is two changes later than the copy. Then the first change arrives, and a while later the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_changes_that_are_heard_late() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let [id, witness] = writer.open_two().await;
    // No lease must end meanwhile.
    let plan = PATIENT.built(|split| sound(split).max_staleness(Duration::from_secs(20)).into());
    let (reader, links) = Node::linked(&server, plan).await;
    reader.warm(&id).await;
    reader.warm(&witness).await;
    links.listening.delay(Duration::from_millis(400));
    writer.write(&id, 1).await;
    // The time between the two.
    tokio::time::sleep(Duration::from_millis(150)).await;
    writer.write(&id, 2).await;
    let latest = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
    assert_eq!(read(&reader.load(&id, latest).await), Seen::Step(2));
    writer.write(&witness, 1).await;
    let heard = async || {
        while reader.stats().patched == 0 {
            assert_eq!(reader.hit(&id).await, Seen::Step(2));
            tokio::task::yield_now().await;
        }
    };
    within("all is heard", heard()).await;
    assert_eq!(reader.hit(&id).await, Seen::Step(2));
    assert_eq!(reader.hit(&witness).await, Seen::Step(1), "only this one was behind");
}

/// A session has moved: the state read through the old id is the floor under the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_through_an_old_id() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    let (reader, links) = Node::linked(&server, PATIENT).await;
    let (to, _) = writer.rotate(&id, RotationKind::Renew).await;
    reader.warm(&to).await;
    links.listening.hold(Direction::Replies);
    writer.write(&id, 1).await;
    assert_eq!(reader.see(&id).await, Seen::Step(1), "nothing is cached of an old id");
    assert_eq!(reader.see(&to).await, Seen::Step(1));
}

/// A load through an old id is in flight when the session changes at its new id, and the change is seen. A caller that joins
/// the load now must not get its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_joining_through_an_old_id() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    let (to, _) = writer.rotate(&id, RotationKind::Renew).await;
    // The load can be joined for as long as the test takes.
    let plan = PATIENT.built(|split| sound(split).max_staleness(Duration::from_secs(20)).into());
    let (reader, links) = Node::linked(&server, plan).await;
    reader.warm(&to).await;
    let load = hold_a_forwarded_load(&reader, &links.commands, id).await;
    writer.write(&to, 1).await;
    reader.wait_for_patched(1).await;
    assert_eq!(reader.hit(&to).await, Seen::Step(1));
    let joined = reader.stats().joined;
    let second = self::load(&reader, id);
    until("it joins", || async { (reader.stats().joined > joined).then_some(()) }).await;
    links.commands.release(Direction::Replies);
    assert_eq!(within("the load ends", load).await.unwrap(), Seen::Step(0), "it began before the change");
    assert_eq!(within("the load ends", second).await.unwrap(), Seen::Step(1), "it began after it was seen");
}

/// A load is in flight when its session moves, and the move is received. Redis then answers for the new id, with a later state
/// than that of the copy there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_answered_for_the_new_id() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let [id, witness] = writer.open_two().await;
    let plan = PATIENT.built(|split| sound(split).max_staleness(Duration::from_secs(20)).into());
    let (reader, Links { commands, listening }) = Node::linked(&server, plan).await;
    reader.warm(&witness).await;
    commands.hold(Direction::Requests);
    let through_old = load(&reader, id);
    commands.wait_for_held(Direction::Requests, 1).await;
    let (to, _) = writer.rotate(&id, RotationKind::Renew).await;
    writer.write(&witness, 1).await;
    reader.wait_for_patched(1).await;
    // The first answer says where the session is. The second one is for the new id.
    commands.hold(Direction::Replies);
    commands.release(Direction::Requests);
    commands.wait_for_held(Direction::Replies, 1).await;
    let through_new = load(&reader, to);
    commands.wait_for_held(Direction::Replies, 150).await;
    commands.hold(Direction::Requests);
    commands.release(Direction::Replies);
    assert_eq!(within("the load ends", through_new).await.unwrap(), Seen::Step(0));
    commands.wait_for_held(Direction::Requests, 1).await;
    listening.hold(Direction::Replies);
    writer.write(&to, 1).await;
    assert_eq!(reader.hit(&to).await, Seen::Step(0), "no change was received");
    commands.release(Direction::Requests);
    assert_eq!(within("the load ends", through_old).await.unwrap(), Seen::Step(1));
    assert_eq!(reader.see(&to).await, Seen::Step(1), "it was returned through the old id");
}

fn load(node: &Node, id: SessionId) -> JoinHandle<Seen> {
    let store = node.store.clone();
    tokio::spawn(async move { read(&store.load(&id, LoadOptions::default()).await) })
}

/// Begins a load through an old id, which takes two requests, and waits until the answer to the second is in flight.
async fn hold_a_forwarded_load(reader: &Node, link: &LinkCutter, id: SessionId) -> JoinHandle<Seen> {
    link.hold(Direction::Replies);
    let load = load(reader, id);
    link.wait_for_held(Direction::Replies, 1).await;
    link.hold(Direction::Requests);
    link.release(Direction::Replies);
    link.wait_for_held(Direction::Requests, 1).await;
    link.hold(Direction::Replies);
    link.release(Direction::Requests);
    // A whole session.
    link.wait_for_held(Direction::Replies, 150).await;
    load
}
