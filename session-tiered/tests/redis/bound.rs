//! I1: a change on one node is seen on another one within `max_staleness`, whatever happens to the links of the latter.

use session_testkit::{Direction, Server};

use crate::{
    cache::{Build, SOUND},
    node::{HASTY, Links, Node, Seen, Verdict, kept, shown_in_time, shown_late},
    until,
};

/// How the reader reads while it waits for a change.
#[derive(Clone, Copy)]
pub(crate) enum Reads {
    /// Without a pause.
    Busy,
    /// Only after the bound is over.
    Late,
}

/// A node has a copy, a fault occurs, and another node writes. Afterwards the links heal, and the node goes on.
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
    // Not an older state than it has returned, or could have.
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

/// The answers of the server are held back and arrive later.
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

/// While its commands are cut off, a node goes on serving the changes that it receives.
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

/// The feed is so slow that every change and every heartbeat arrives later than the bound, so no load may be answered locally.
/// If a lease ran from when the answer arrives, copies would answer that are older than the bound.
pub(crate) async fn change_over_a_slow_feed(build: Build) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    // Slow answers, but none so slow that its call reaches its deadline.
    let (reader, links) = Node::linked(&server, crate::node::PATIENT.built(build)).await;
    reader.warm(&id).await;
    links.listening.delay(crate::node::BOUND * 3);
    let (up, down) = (links.listening.bytes_up(), links.listening.bytes_down());
    // In both directions.
    until("heartbeats are sent", || async { (links.listening.bytes_up() > up).then_some(()) }).await;
    until("heartbeats are answered", || async { (links.listening.bytes_down() > down + 64).then_some(()) }).await;
    reader.see(&id).await;
    let written = writer.write(&id, 1).await;
    shown_late(&reader, &id, written.at, Seen::Step(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_the_feed_is_slow() {
    kept(change_over_a_slow_feed(SOUND).await);
}
