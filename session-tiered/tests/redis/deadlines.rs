//! I9 and I10: deadlines of sessions, and the age of copies.

use std::time::Duration;

use session_core::{
    Expiry, LoadOptions, SessionId,
    store::{NewSession, SessionStore, TouchOptions, TouchOutcome},
};
use session_testkit::{Direction, Server};

use crate::{
    cache::{Build, SOUND, sound},
    node::{Node, PATIENT, Seen, Verdict, kept, now, read, step},
    within,
};

const IDLE: Duration = Duration::from_secs(2);

async fn idle_session(node: &Node) -> SessionId {
    let id = SessionId::generate().unwrap();
    let new = NewSession { entries: step(0), ..NewSession::generate(Expiry::idle(IDLE)).unwrap() };
    node.create_as(&id, &new).await;
    id
}

/// A session is read from the cache alone for longer than its idle timeout: touches keep it alive in the store. Without them,
/// a copy past its deadline does not answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_active_sessions_do_not_expire_and_idle_ones_do() {
    let server = Server::start().await;
    let node = Node::start(&server).await;
    let (active, idle) = (idle_session(&node).await, idle_session(&node).await);
    let began = now();
    node.warm(&active).await;
    node.warm(&idle).await;
    let before = node.stats();
    while now().since(began) < IDLE * 2 {
        assert_eq!(node.see(&active).await, Seen::Step(0), "a session in use has expired");
        let touched = node.store.touch(&active, TouchOptions::default()).await.unwrap();
        assert!(matches!(touched, TouchOutcome::Touched(_)), "{touched:?}");
        tokio::time::sleep(IDLE / 20).await;
    }
    let after = node.stats();
    let asked = after.misses - before.misses;
    assert!(asked <= after.lease_losses - before.lease_losses, "the copy has the deadline that was renewed: {after:?}");
    assert_eq!(
        read(&PATIENT.store(server.url()).await.load(&active, LoadOptions::default()).await),
        Seen::Step(0),
        "it lives in the store too"
    );
    let before = node.stats().misses;
    assert_eq!(node.see(&idle).await, Seen::Absent);
    assert_eq!(node.stats().misses, before + 1, "the store reports the end");
}

/// Another node renews the deadline, which is not published: a copy past its deadline is a miss, never an end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_a_copy_past_its_deadline_asks() {
    let server = Server::start().await;
    let (here, there) = (Node::start(&server).await, Node::start(&server).await);
    let id = idle_session(&there).await;
    here.warm(&id).await;
    let began = now();
    while now().since(began) < IDLE * 2 {
        there.store.touch(&id, TouchOptions::default()).await.unwrap();
        assert_eq!(here.see(&id).await, Seen::Step(0), "a deadline that was renewed elsewhere");
        tokio::time::sleep(IDLE / 20).await;
    }
}

/// Callers that touch one session at the same time share one request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i9_touches_coalesce() {
    let server = Server::start().await;
    let (node, links) = Node::linked(&server, PATIENT).await;
    let id = idle_session(&node).await;
    // From here on the server knows the script.
    node.store.touch(&id, TouchOptions::default()).await.unwrap();
    let before = links.commands.bytes_up();
    node.store.touch(&id, TouchOptions::default()).await.unwrap();
    let one = links.commands.bytes_up() - before;
    links.commands.hold(Direction::Replies);
    let before = links.commands.bytes_up();
    let touch = || {
        let store = node.store.clone();
        tokio::spawn(async move { store.touch(&id, TouchOptions::default()).await })
    };
    let first = touch();
    links.commands.wait_for_held(Direction::Replies, 1).await;
    let others: Vec<_> = (0..50).map(|_| touch()).collect();
    // Each of them has been polled, so they end with the first.
    links.commands.release(Direction::Replies);
    for touch in std::iter::once(first).chain(others) {
        let touched = within("a touch ends", touch).await.unwrap().unwrap();
        assert!(matches!(touched, TouchOutcome::Touched(_)), "{touched:?}");
    }
    let sent = links.commands.bytes_up() - before;
    assert!(sent < one * 26, "{sent} bytes were sent, and {one} are one touch");
}

/// A session is changed without the library, and no change is published. Its copies live until `max_age`.
pub(crate) async fn changed_behind_the_back(build: Build) -> Verdict {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    let reader = Node::of(crate::split::Split::none(PATIENT.store(server.url()).await), build);
    reader.warm(&id).await;
    let key = key_of(&server, &id).await;
    assert_eq!(server.command(&[b"DEL", &key[..]]).await.int(), 1);
    let at = now();
    let served = reader.see(&id).await;
    while now().since(at) <= MAX_AGE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match reader.see(&id).await {
        Seen::Absent => Ok(()),
        other => Err(format!("{served:?} then, and past its age {other:?}")),
    }
}

const MAX_AGE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i10_no_copy_is_served_past_its_age() {
    kept(changed_behind_the_back(|split| sound(split).max_age(MAX_AGE).into()).await);
    // The age is what ends it: with a greater `max_age` the copy is still served.
    changed_behind_the_back(SOUND).await.unwrap_err();
}

/// A patch does not make a copy younger: only the store vouches for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i10_a_patched_copy_ages_too() {
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    let reader = Node::of(crate::split::Split::none(PATIENT.store(server.url()).await), |split| {
        sound(split).max_age(MAX_AGE).into()
    });
    reader.warm(&id).await;
    let asked = || reader.stats().misses - reader.stats().lease_losses.min(reader.stats().misses);
    let before = asked();
    within("it is loaded again although it is patched all the time", async {
        for to in 1.. {
            writer.write(&id, to).await;
            reader.see(&id).await;
            if asked() > before {
                break;
            }
        }
    })
    .await;
}

/// The key of a session.
async fn key_of(server: &Server, id: &SessionId) -> Vec<u8> {
    let keys = server.command(&["KEYS", "*:s:*"]).await;
    let bytes = |key: &session_testkit::Reply| match key {
        session_testkit::Reply::Bulk(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    keys.items().iter().map(bytes).find(|key| key.ends_with(&id.digest().to_bytes())).expect("the session's key")
}
