//! I7: what has ended elsewhere is served by no node; and what has moved is served at its new id only, as the kind of the
//! move says.

use std::time::Duration;

use session_core::{
    LoadOptions, Principal, SessionId, SignIn,
    model::EndReason,
    store::{Absent, LoadOutcome, RotationKind, SessionStore as _},
};
use session_testkit::{Direction, Server};

use crate::{
    node::{HASTY, Node, PATIENT, SOUND, Seen, Tune, Verdict, kept, new_session, now, shown_in_time, shown_late},
    until,
};

/// As soon as the end is heard, without a request.
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
    // That there is none is served locally too, and its age grows.
    let before = reader.stats().misses;
    until("that it ended is served locally", || async {
        reader.see(&id).await;
        (reader.stats().hits > 1).then_some(())
    })
    .await;
    assert!(reader.stats().misses >= before);
    kept(shown_in_time(&reader, &id, at, Seen::Absent).await);
}

/// Over a feed that fails: within the bound.
pub(crate) async fn end_during_silence(tune: Tune) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let [id, witness] = writer.open_two().await;
    let (reader, links) = Node::linked(&server, HASTY.tuned(tune)).await;
    reader.warm(&id).await;
    reader.warm(&witness).await;
    links.listening.cut().await;
    let at = writer.end(&id).await;
    shown_late(&reader, &id, at, Seen::Absent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_an_end_that_nobody_tells() {
    kept(end_during_silence(SOUND).await);
}

/// The feed is back, but the end was told while it was away.
pub(crate) async fn end_between_subscriptions(tune: Tune) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let [id, witness] = writer.open_two().await;
    let (reader, links) = Node::linked(&server, HASTY.tuned(tune)).await;
    reader.warm(&id).await;
    reader.warm(&witness).await;
    links.listening.cut().await;
    let at = writer.end(&id).await;
    links.listening.heal().await;
    until("the feed is back", || async { (reader.stats().gaps >= 2).then_some(()) }).await;
    reader.warm(&witness).await;
    shown_late(&reader, &id, at, Seen::Absent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_an_end_between_two_subscriptions() {
    kept(end_between_subscriptions(SOUND).await);
}

/// Moves a session on one node while another holds a copy; what that one then serves at the old and at the new id.
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
        assert_eq!(writer.see(&id).await, old_then, "where it was done, at once");
        assert_eq!(writer.see(&to).await, Seen::Step(7));
        if is_heard {
            until("the copy is dropped", || async { (reader.stats().evicted == 1).then_some(()) }).await;
            assert_eq!(reader.see(&id).await, old_then, "as soon as it is heard");
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

/// All sessions of a principal are revoked on one node; on the others they end within the bound, and as soon as heard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_revoked_everywhere() {
    let server = Server::start().await;
    // This one knows from nobody but itself.
    let plan = PATIENT.tuned(|builder| builder.max_staleness(Duration::from_secs(20)));
    let (writer, own_links) = Node::linked(&server, plan).await;
    let alice = Principal::new("alice").unwrap();
    let new = || new_session().with_sign_in(SignIn::new(alice.clone()));
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
    assert_eq!(index.revoke_all(&alice, None, EndReason::Revoked).await.unwrap(), ids.len());
    let at = now();
    for id in &ids {
        assert_eq!(writer.see(id).await, Seen::Absent, "where it was done, at once");
    }
    until("all is heard", || async { (listening.stats().evicted == ids.len() as u64).then_some(()) }).await;
    for id in &ids {
        assert_eq!(listening.see(id).await, Seen::Absent, "as soon as it is heard");
        kept(shown_late(&silent, id, at, Seen::Absent).await);
    }
}
