//! A publisher that may write no key: it receives the changes of a session, and publishes others.

use std::time::Duration;

use session_core::{
    LoadOptions, ReadLevel, SessionId,
    model::{Delta, Field, OpId, Stamp},
};
use session_testkit::{Connection, Reply, Server};

use crate::{
    cache::{Build, SOUND, sound},
    node::{Node, PATIENT, Seen, Verdict, kept, now, op, read, shown_in_time, slot_of, step},
    split::Split,
    until, within,
};

/// What the intruder writes into sessions.
const FORGED: u64 = 666;

struct Publisher {
    channel: Vec<u8>,
    /// A message that the store has published.
    heard: Vec<u8>,
}

impl Publisher {
    /// Receives one change of this session.
    async fn listen(server: &Server, node: &Node, id: &SessionId) -> (Self, Stamp) {
        let mut listener = server.connect().await.unwrap();
        listener.command(&["PSUBSCRIBE", "*"]).await.unwrap();
        let stamp = node.write(id, 1).await.stamp;
        let (channel, heard) = within("the change is published", next_change(&mut listener, id)).await;
        (Self { channel, heard }, stamp)
    }

    /// The message that this update would have, `ahead` changes after the one that was received.
    fn forge(&self, ahead: u64, (before, after): (Stamp, Stamp), op: OpId, delta: &Delta) -> Vec<u8> {
        let sequence = u64::from_be_bytes(self.heard[4..12].try_into().unwrap()) + ahead;
        let mut bytes = [&self.heard[..4], &sequence.to_be_bytes(), &self.heard[12..38]].concat();
        for stamp in [before, after] {
            bytes.extend(u64::from(stamp.incarnation()).to_be_bytes());
            bytes.extend(stamp.version().to_be_bytes());
            bytes.extend(format!("{:016x}", stamp.tag()).as_bytes());
        }
        bytes.extend(u64::from(op).to_be_bytes());
        bytes.extend_from_slice(&delta.to_bytes());
        bytes
    }

    async fn publish(&self, server: &Server, message: &[u8]) {
        server.command(&[b"PUBLISH".as_slice(), &self.channel, message]).await.expect("PUBLISH");
    }
}

/// The channel and the message of the next change of a session.
async fn next_change(listener: &mut Connection, id: &SessionId) -> (Vec<u8>, Vec<u8>) {
    loop {
        let pushed = listener.receive().await.unwrap();
        if let [_, _, Reply::Bulk(channel), Reply::Bulk(message)] = pushed.items()
            && message.get(12..30) == Some(&id.digest().to_bytes()[..])
        {
            return (channel.clone(), message.clone());
        }
    }
}

/// Two messages lead from the session's stamp to another one and back. If the cache believed them, every comparison of stamps
/// would confirm the forged state.
pub(crate) async fn there_and_back(follows: bool, build: Build) -> Verdict {
    let server = Server::start().await;
    let node = Node::of(Split::none(PATIENT.store(server.url()).await), build);
    let id = node.open().await;
    node.warm(&id).await;
    let (mallory, stamp) = Publisher::listen(&server, &node, &id).await;
    node.warm(&id).await;
    let (there, back, before) = (op(), op(), node.stats());
    let other = Stamp::from_parts(stamp.incarnation(), stamp.version(), !stamp.tag());
    let between = if follows { stamp.next(there) } else { other };
    let mut nothing = Delta::new();
    nothing.remove(Field::new("absent").unwrap());
    mallory.publish(&server, &mallory.forge(1, (stamp, between), there, &step(FORGED))).await;
    mallory.publish(&server, &mallory.forge(2, (between, stamp), back, &nothing)).await;
    until("the copy is dropped, or both messages are applied to it", || async {
        let stats = node.stats();
        (stats.evicted > before.evicted || stats.patched >= before.patched + 2).then_some(())
    })
    .await;
    for level in [ReadLevel::Local, ReadLevel::Store] {
        let seen = read(&node.load(&id, LoadOptions { level, ..LoadOptions::default() }).await);
        if seen != Seen::Step(1) {
            return Err(format!("{seen:?} at the level {level:?}"));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_returns_to_a_stamp_changes_nothing() {
    for follows in [false, true] {
        kept(there_and_back(follows, SOUND).await);
    }
}

/// A message that follows from the session's stamp can be believed, but not for longer than the staleness bound: the next
/// heartbeat shows that the store has not published it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_successor_is_not_believed_for_long() {
    let server = Server::start().await;
    let node = Node::start(&server).await;
    let id = node.open().await;
    node.warm(&id).await;
    let (mallory, stamp) = Publisher::listen(&server, &node, &id).await;
    node.warm(&id).await;
    let (op, patched) = (op(), node.stats().patched);
    let forged = mallory.forge(1, (stamp, stamp.next(op)), op, &step(FORGED));
    let since = now();
    mallory.publish(&server, &forged).await;
    node.wait_for_patched(patched + 1).await;
    kept(shown_in_time(&node, &id, since, Seen::Step(1)).await);
    until("the copy answers again", || async { (node.see(&id).await == Seen::Step(1)).then_some(()) }).await;
}

/// On one server, a heartbeat to one partition extends the leases of all. It says nothing about a change that the listener
/// has received in another one.
pub(crate) async fn successor_in_another_partition(build: Build) -> Verdict {
    let server = Server::start().await;
    let node = Node::of(Split::none(PATIENT.store(server.url()).await), build);
    let partition = |id: &SessionId| slot_of(id, PATIENT.partitions);
    let (mut other, mut id) = (node.open().await, node.open().await);
    while partition(&id) == partition(&other) {
        id = node.open().await;
    }
    // Heartbeats go to the first partition that has a copy.
    if partition(&id) < partition(&other) {
        (id, other) = (other, id);
    }
    node.warm(&other).await;
    let (mallory, stamp) = Publisher::listen(&server, &node, &id).await;
    node.warm(&id).await;
    let (op, patched) = (op(), node.stats().patched);
    let since = now();
    mallory.publish(&server, &mallory.forge(1, (stamp, stamp.next(op)), op, &step(FORGED))).await;
    node.wait_for_patched(patched + 1).await;
    shown_in_time(&node, &id, since, Seen::Step(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_successor_in_any_partition_is_not_believed_for_long() {
    kept(successor_in_another_partition(SOUND).await);
}

/// A node with a copy whose state is not the store's, although the stamps are equal.
async fn contradicted(server: &Server, build: Build) -> (Node, SessionId) {
    let node = Node::of(Split::none(PATIENT.store(server.url()).await), build);
    let id = node.open().await;
    node.warm(&id).await;
    let keys = server.command(&["KEYS", "*"]).await;
    for key in keys.items() {
        let Reply::Bulk(key) = key else { continue };
        if let Ok(Reply::Bulk(mut value)) = server.try_command(&[b"HGET".as_slice(), key, b"=step"]).await {
            *value.last_mut().unwrap() = b'6';
            server.command(&[b"HSET".as_slice(), key, b"=step", &value]).await;
        }
    }
    (node, id)
}

/// Whatever has changed a copy under its stamp, loads of the present state notice before long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_differs_under_its_stamp_is_found() {
    let server = Server::start().await;
    let (node, id) = contradicted(&server, SOUND).await;
    let mut seen = node.hit(&id).await;
    assert_eq!(seen, Seen::Step(0), "the copy");
    for _ in 0..16 {
        let latest = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
        seen = read(&node.load(&id, latest).await);
    }
    assert_eq!(seen, Seen::Step(6), "16 loads have compared the stamps only");
    assert_eq!(node.stats().violations, 1);
    node.warm(&id).await;
    assert_eq!(node.hit(&id).await, Seen::Step(6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_self_check_compares_states() {
    let server = Server::start().await;
    let checks: Build = |split| sound(split).self_check(Some(Duration::from_millis(1))).into();
    let (node, id) = contradicted(&server, checks).await;
    until("a self-check finds the difference", || async {
        node.see(&id).await;
        (node.stats().violations > 0).then_some(())
    })
    .await;
    until("the copy is replaced", || async { (node.see(&id).await == Seen::Step(6)).then_some(()) }).await;
}
