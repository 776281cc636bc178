//! I1: a change on one node is seen on another within `max_staleness`, whatever happens to the links of that one.

use session_testkit::{Direction, Server};

use crate::{
    cache::{Build, SOUND},
    node::{HASTY, Links, Node, Seen, Verdict, kept, shown_in_time, shown_late},
    until,
};

/// How the one who waits for a change reads meanwhile.
#[derive(Clone, Copy)]
pub(crate) enum Reads {
    /// All the time.
    Busy,
    /// Only when the bound is over.
    Late,
}

/// A node has a copy; then the fault; then another node writes. Afterwards the links heal, and it goes on.
pub(crate) async fn change_during(fault: impl AsyncFn(&Links), reads: Reads, build: Build) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    let (reader, links) = Node::linked(&server, HASTY.built(build)).await;
    reader.warm(&id).await;
    fault(&links).await;
    let written = writer.write(&id, 1).await;
    match reads {
        Reads::Busy => shown_in_time(&reader, &id, written.at, Seen::Step(1)).await?,
        Reads::Late => shown_late(&reader, &id, written.at, Seen::Step(1)).await?,
    }
    links.commands.heal().await;
    links.listening.heal().await;
    until("it reads again", || async { (reader.see(&id).await != Seen::Failed).then_some(()) }).await;
    // Nothing that is older than what it has shown, or could have.
    shown_in_time(&reader, &id, written.at, Seen::Step(1)).await?;
    reader.warm(&id).await;
    let written = writer.write(&id, 2).await;
    shown_late(&reader, &id, written.at, Seen::Step(2)).await
}

async fn change_kept(fault: impl AsyncFn(&Links)) {
    kept(change_during(&fault, Reads::Busy, SOUND).await);
    kept(change_during(&fault, Reads::Late, SOUND).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_the_feed_is_cut() {
    change_kept(async |links| links.listening.cut().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_the_feed_is_half_open() {
    change_kept(async |links| links.listening.half_open()).await;
}

/// What the server says is held back, and comes later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_the_feed_is_held_up() {
    change_kept(async |links| links.listening.hold(Direction::Replies)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_the_feed_is_not_heard() {
    change_kept(async |links| links.listening.hold(Direction::Requests)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_the_commands_are_cut() {
    change_kept(async |links| links.commands.cut().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_the_commands_are_half_open() {
    change_kept(async |links| links.commands.half_open()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_both_are_cut() {
    change_kept(async |links| {
        links.listening.cut().await;
        links.commands.cut().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_both_are_half_open() {
    change_kept(async |links| {
        links.listening.half_open();
        links.commands.half_open();
    })
    .await;
}

/// While its commands are cut, a node goes on serving what it hears.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_what_is_heard_is_served_without_commands() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    let (reader, links) = Node::linked(&server, HASTY).await;
    reader.warm(&id).await;
    links.commands.cut().await;
    writer.write(&id, 1).await;
    until("the change is served", || async { (reader.see(&id).await == Seen::Step(1)).then_some(()) }).await;
    assert_eq!(reader.stats().patched, 1);
}

/// The feed is so slow that every change, and every sign of life, comes later than the bound. So nothing may be served
/// locally. The other way round a lease would run from when the answer came, and what it stands behind is as old.
pub(crate) async fn change_over_a_slow_feed(build: Build) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    // Answers come at the deadline of no call, and so slowly that none of them is given up.
    let (reader, links) = Node::linked(&server, crate::node::PATIENT.built(build)).await;
    reader.warm(&id).await;
    links.listening.delay(crate::node::BOUND * 3);
    let (up, down) = (links.listening.bytes_up(), links.listening.bytes_down());
    // There and back.
    until("heartbeats leave", || async { (links.listening.bytes_up() > up).then_some(()) }).await;
    until("heartbeats are answered", || async { (links.listening.bytes_down() > down + 64).then_some(()) }).await;
    reader.see(&id).await;
    let written = writer.write(&id, 1).await;
    shown_late(&reader, &id, written.at, Seen::Step(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_the_feed_is_slow() {
    kept(change_over_a_slow_feed(SOUND).await);
}
