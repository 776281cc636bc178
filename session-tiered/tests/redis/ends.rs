//! I7: no node serves a session that has ended elsewhere. A session that has moved is served at its old id only as far as the
//! kind of the rotation allows.

use std::time::Duration;

use session_core::{
    LoadOptions, Principal, SessionId, SignIn,
    model::EndReason,
    store::{Absent, LoadOutcome, NewSession, RotationKind, SessionStore as _},
};
use session_testkit::{Direction, Server};

use crate::{
    cache::{Build, SOUND, sound},
    cut_off::CutOff,
    node::{Node, PATIENT, Seen, Verdict, kept, new_session, now, shown_in_time, shown_late},
    until,
};

/// As soon as the end is received, without a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_an_end_is_heard() {
    let server = Server::start().await;
    let (writer, reader) = (Node::start(&server).await, Node::start(&server).await);
    let id = writer.open().await;
    reader.warm(&id).await;
    let at = writer.end(&id).await;
    until("the copy is dropped", || async { (reader.stats().evicted == 1).then_some(()) }).await;
    let LoadOutcome::Absent(Absent::NotFound(Some(ended))) = reader.load(&id, LoadOptions::default()).await.unwrap()
    else {
        panic!("it has ended, and there is a tombstone")
    };
    assert_eq!(ended.reason, EndReason::Logout);
    // The absence is served locally too, and its age grows.
    let before = reader.stats().misses;
    until("the end is served locally", || async {
        reader.see(&id).await;
        (reader.stats().hits > 1).then_some(())
    })
    .await;
    assert!(reader.stats().misses >= before);
    kept(shown_in_time(&reader, &id, at, Seen::Absent).await);
}

/// With a failing feed: within the bound.
pub(crate) async fn end_during_silence(build: Build) -> Verdict {
    let cut_off = CutOff::start(build).await;
    let at = cut_off.writer.end(&cut_off.id).await;
    shown_late(&cut_off.reader, &cut_off.id, at, Seen::Absent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_an_end_without_a_message() {
    kept(end_during_silence(SOUND).await);
}

/// The end was published while the feed was down; then the feed is back.
pub(crate) async fn end_between_subscriptions(build: Build) -> Verdict {
    let cut_off = CutOff::start(build).await;
    let at = cut_off.writer.end(&cut_off.id).await;
    cut_off.heal().await;
    shown_late(&cut_off.reader, &cut_off.id, at, Seen::Absent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_an_end_between_two_subscriptions() {
    kept(end_between_subscriptions(SOUND).await);
}

/// Moves a session on one node while another one has a copy. Checks what the other one then serves at the old and at the new
/// id.
async fn moved(kind: RotationKind, old_then: Seen) {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    for is_heard in [true, false] {
        let id = writer.open().await;
        writer.write(&id, 7).await;
        let (reader, links) = Node::linked(&server, PATIENT).await;
        reader.warm(&id).await;
        if !is_heard {
            links.listening.hold(Direction::Replies);
        }
        let (to, at) = writer.rotate(&id, kind).await;
        assert_eq!(writer.see(&id).await, old_then, "at once on the node that did it");
        assert_eq!(writer.see(&to).await, Seen::Step(7));
        if is_heard {
            until("the copy is dropped", || async { (reader.stats().evicted == 1).then_some(()) }).await;
            assert_eq!(reader.see(&id).await, old_then, "as soon as it is received");
        }
        kept(shown_late(&reader, &id, at, old_then).await);
        kept(shown_in_time(&reader, &to, at, Seen::Step(7)).await);
        let written = writer.write(&to, 8).await;
        let old_then = if old_then == Seen::Superseded { Seen::Superseded } else { Seen::Step(8) };
        kept(shown_late(&reader, &id, written.at, old_then).await);
        kept(shown_in_time(&reader, &to, written.at, Seen::Step(8)).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_a_renewed_id_leads_on() {
    moved(RotationKind::Renew, Seen::Step(7)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_after_a_sign_in_the_old_id_gives_no_access() {
    moved(RotationKind::Privilege, Seen::Superseded).await;
}

/// All sessions of a principal are revoked on one node. On the others they end within the bound, or as soon as the change is
/// received.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_revoked_everywhere() {
    let server = Server::start().await;
    // This node receives no changes.
    let plan = PATIENT.built(|split| sound(split).max_staleness(Duration::from_secs(20)).into());
    let (writer, own_links) = Node::linked(&server, plan).await;
    let alice = Principal::new("alice").unwrap();
    let new = || NewSession { sign_in: Some(SignIn::new(alice.clone())), ..new_session() };
    let mut ids = Vec::new();
    for _ in 0..4 {
        let id = SessionId::generate().unwrap();
        writer.create_as(&id, &new()).await;
        ids.push(id);
    }
    let listening = Node::start(&server).await;
    let (silent, links) = Node::linked(&server, PATIENT).await;
    for id in &ids {
        writer.warm(id).await;
        listening.warm(id).await;
        silent.warm(id).await;
    }
    links.listening.hold(Direction::Replies);
    own_links.listening.hold(Direction::Replies);
    let index = writer.store.index().expect("Redis has an index");
    assert_eq!(index.revoke_all(&alice, None, EndReason::Revoked).await.unwrap().ended.len(), ids.len());
    let at = now();
    for id in &ids {
        assert_eq!(writer.see(id).await, Seen::Absent, "at once on the node that did it");
    }
    until("all changes are received", || async { (listening.stats().evicted == ids.len() as u64).then_some(()) }).await;
    for id in &ids {
        assert_eq!(listening.see(id).await, Seen::Absent, "as soon as it is received");
        kept(shown_late(&silent, id, at, Seen::Absent).await);
    }
}
