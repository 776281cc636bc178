//! I4: a write on one node is read on another one that is given its floor.

use session_core::LoadOptions;
use session_testkit::{Direction, Server};

use crate::node::{Node, PATIENT, Seen, read};

/// A floor is carried from one node to the next. A copy below it does not answer, even with a valid lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_floor_is_carried_across_nodes() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    let (reader, links) = Node::linked(&server, PATIENT).await;
    for to in 1..=10 {
        reader.warm(&id).await;
        links.listening.hold(Direction::Replies);
        let written = writer.write(&id, to).await;
        let options = LoadOptions { floor: Some(written.stamp.into()), ..LoadOptions::default() };
        assert_eq!(read(&reader.load(&id, options).await), Seen::Step(to));
        assert_eq!(reader.see(&id).await, Seen::Step(to), "and it stays so without a floor");
        links.listening.release(Direction::Replies);
    }
}

/// A copy at the floor answers without a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_copy_at_the_floor_answers() {
    let server = Server::start().await;
    let (writer, reader) = (Node::start(&server).await, Node::start(&server).await);
    let id = writer.open().await;
    reader.warm(&id).await;
    let written = writer.write(&id, 1).await;
    reader.wait_for_patched(1).await;
    reader.warm(&id).await;
    let before = reader.stats().misses;
    let options = LoadOptions { floor: Some(written.stamp.into()), ..LoadOptions::default() };
    assert_eq!(read(&reader.load(&id, options).await), Seen::Step(1));
    assert_eq!(reader.stats().misses, before);
}
