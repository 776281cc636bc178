//! The absence of a session is cached too, within the same bound.

use session_core::{LoadOptions, SessionId};
use session_testkit::{Direction, Server};

use crate::{
    cache::{Build, SOUND},
    node::{Node, PATIENT, Seen, Verdict, kept, now, shown_late},
};

/// A session is created at an id that another node has cached as absent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_session_appears() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let witness = writer.open().await;
    let reader = Node::start(&server).await;
    reader.warm(&witness).await;
    let id = witness.generate_sibling().unwrap();
    reader.warm(&id).await;
    assert_eq!(reader.hit(&id).await, Seen::Absent, "unknown ids do not reach the store each time");
    writer.create(&id).await;
    writer.write(&witness, 1).await;
    reader.wait_for_patched(1).await;
    assert_eq!(reader.see(&id).await, Seen::Step(0), "as soon as it is received");
}

/// The same without a message.
pub(crate) async fn appears_in_silence(build: Build) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let (reader, links) = Node::linked(&server, PATIENT.built(build)).await;
    let id = SessionId::generate().unwrap();
    reader.warm(&id).await;
    links.listening.hold(Direction::Replies);
    writer.create(&id).await;
    shown_late(&reader, &id, now(), Seen::Step(0)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_a_session_appears_without_a_message() {
    kept(appears_in_silence(SOUND).await);
}

/// A load finds no session, and one is created before its answer arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_created_while_a_load_finds_none() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let witness = writer.open().await;
    let (reader, links) = Node::linked(&server, PATIENT).await;
    reader.warm(&witness).await;
    let id = witness.generate_sibling().unwrap();
    links.commands.hold(Direction::Replies);
    let (store, wanted) = (reader.store.clone(), id);
    let load = tokio::spawn(async move { store.load(&wanted, LoadOptions::default()).await });
    // "*0" of the fields and ":-2" of the time.
    links.commands.wait_for_held(Direction::Replies, 8).await;
    writer.create(&id).await;
    writer.write(&witness, 1).await;
    reader.wait_for_patched(1).await;
    links.commands.release(Direction::Replies);
    assert_eq!(crate::node::read(&load.await.unwrap()), Seen::Absent, "the read began before");
    assert_eq!(reader.see(&id).await, Seen::Step(0), "the change received meanwhile is not forgotten");
}
