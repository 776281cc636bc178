//! I5: no stale fill. The answer of a load is held back while its state is replaced.

use std::time::Duration;

use session_core::{LoadOptions, SessionId};
use session_testkit::{Direction, Server};
use tokio::task::JoinHandle;

use crate::{
    cache::{Build, SOUND},
    node::{Links, Node, PATIENT, Seen, Verdict, Written, kept, read, shown_late},
    within,
};

/// A reader with a load whose answer the network holds back; and a witness, a session of the same partition whose changes show
/// what the reader has received.
struct Held {
    _server: Server,
    writer: Node,
    reader: Node,
    links: Links,
    id: SessionId,
    witness: SessionId,
    load: JoinHandle<Seen>,
}

impl Held {
    async fn begin(build: Build) -> Self {
        let server = Server::start().await;
        let writer = Node::start(&server).await;
        let [id, witness] = writer.open_two().await;
        let (reader, links) = Node::linked(&server, PATIENT.built(build)).await;
        reader.warm(&witness).await;
        let load = hold_a_load(&reader, &links, &id).await;
        Self { _server: server, writer, reader, links, id, witness, load }
    }

    /// Waits until the reader has received all writes so far.
    async fn heard(&self) {
        let before = self.reader.stats().patched;
        self.writer.write(&self.witness, before + 1).await;
        self.reader.wait_for_patched(before + 1).await;
    }

    /// Lets the answer arrive.
    async fn land(&mut self) -> Seen {
        self.links.commands.release(Direction::Replies);
        within("the load ends", &mut self.load).await.unwrap()
    }
}

/// Begins a load, and waits until its answer is in flight.
async fn hold_a_load(reader: &Node, links: &Links, id: &SessionId) -> JoinHandle<Seen> {
    links.commands.hold(Direction::Replies);
    let held = links.commands.held_bytes(Direction::Replies);
    let (store, id) = (reader.store.clone(), *id);
    let load = tokio::spawn(async move {
        read(&session_core::store::SessionStore::load(&store, &id, LoadOptions::default()).await)
    });
    // More than the answer to a heartbeat.
    links.commands.wait_for_held(Direction::Replies, held + 150).await;
    load
}

/// The state in the answer was replaced meanwhile, and the change was received.
pub(crate) async fn replaced_in_flight(build: Build) -> Verdict {
    let mut held = Held::begin(build).await;
    let Written { at, .. } = held.writer.write(&held.id, 1).await;
    held.heard().await;
    let first = held.land().await;
    assert_eq!(first, Seen::Step(0), "the read began before the change");
    shown_late(&held.reader, &held.id, at, Seen::Step(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_replaced_in_flight() {
    kept(replaced_in_flight(SOUND).await);
}

/// The session in the answer ended meanwhile, and the change was received.
pub(crate) async fn ended_in_flight(build: Build) -> Verdict {
    let mut held = Held::begin(build).await;
    let at = held.writer.end(&held.id).await;
    held.heard().await;
    assert_eq!(held.land().await, Seen::Step(0), "the read began before the end");
    shown_late(&held.reader, &held.id, at, Seen::Absent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_i7_ended_in_flight() {
    kept(ended_in_flight(SOUND).await);
}

/// An epoch ends while the load is in flight, and the change is missed with it.
pub(crate) async fn across_an_epoch(build: Build) -> Verdict {
    let mut held = Held::begin(build).await;
    let gaps = held.reader.stats().gaps;
    held.links.listening.cut().await;
    crate::until("the gap is noticed", || async { (held.reader.stats().gaps > gaps).then_some(()) }).await;
    let Written { at, .. } = held.writer.write(&held.id, 1).await;
    held.links.listening.heal().await;
    // The node listens again, and another session has a lease. Only now does the old answer arrive. (The answer of that other
    // load is behind the held one, so both arrive together.)
    crate::until("the feed is back", || async { (held.reader.stats().gaps > gaps + 1).then_some(()) }).await;
    assert_eq!(held.land().await, Seen::Step(0), "the read began before the change");
    held.reader.warm(&held.witness).await;
    shown_late(&held.reader, &held.id, at, Seen::Step(1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_i6_across_an_epoch() {
    kept(across_an_epoch(SOUND).await);
}

/// The change is received just when the answer arrives. A cache that checks first and installs afterwards misses it.
pub(crate) async fn heard_while_it_lands(build: Build, rounds: u64) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let witness = writer.open().await;
    let (reader, links) = Node::linked(&server, PATIENT.built(build)).await;
    for round in 1..=rounds {
        let id = witness.generate_sibling().unwrap();
        writer.create(&id).await;
        reader.warm(&witness).await;
        let load = hold_a_load(&reader, &links, &id).await;
        links.listening.hold(Direction::Replies);
        let held = links.listening.held_bytes(Direction::Replies);
        let Written { at, .. } = writer.write(&id, 1).await;
        let patched = reader.stats().patched;
        writer.write(&witness, round).await;
        links.listening.wait_for_held(Direction::Replies, held + 200).await;
        links.commands.release(Direction::Replies);
        while links.commands.held_bytes(Direction::Replies) > 0 {
            tokio::task::yield_now().await;
        }
        // Some rounds meet the moment, others do not.
        tokio::time::sleep(Duration::from_millis(round % 4)).await;
        links.listening.release(Direction::Replies);
        within("the load ends", load).await.unwrap();
        reader.wait_for_patched(patched + 1).await;
        shown_late(&reader, &id, at, Seen::Step(1)).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_heard_while_it_lands() {
    kept(heard_while_it_lands(SOUND, 8).await);
}

/// A caller that joins a load in flight never gets less than this node had received before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_a_caller_that_joins_gets_what_was_heard() {
    let mut held = Held::begin(SOUND).await;
    held.writer.write(&held.id, 1).await;
    held.heard().await;
    let joined = held.reader.stats().joined;
    let (store, id) = (held.reader.store.clone(), held.id);
    let second = tokio::spawn(async move {
        read(&session_core::store::SessionStore::load(&store, &id, LoadOptions::default()).await)
    });
    crate::until("it joins", || async { (held.reader.stats().joined > joined).then_some(()) }).await;
    assert_eq!(held.land().await, Seen::Step(0));
    assert_eq!(within("the second ends", second).await.unwrap(), Seen::Step(1));
}

/// Callers that miss one session at the same time share one load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_concurrent_misses_are_one_load() {
    let mut held = Held::begin(SOUND).await;
    let joined = held.reader.stats().joined;
    let others: Vec<_> = (0..50)
        .map(|_| {
            let (store, id) = (held.reader.store.clone(), held.id);
            tokio::spawn(async move {
                read(&session_core::store::SessionStore::load(&store, &id, LoadOptions::default()).await)
            })
        })
        .collect();
    crate::until("all have joined", || async { (held.reader.stats().joined == joined + 50).then_some(()) }).await;
    let loads = crate::patches::loads(&held._server).await;
    assert_eq!(held.land().await, Seen::Step(0));
    for other in others {
        assert_eq!(within("it ends", other).await.unwrap(), Seen::Step(0));
    }
    assert_eq!(crate::patches::loads(&held._server).await, loads, "no further load was sent");
}
