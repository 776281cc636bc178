//! A session in use does not expire, and a copy past its deadline does not answer.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use futures_util::future::join_all;
use session_core::{
    Expiry, Sessions, defaults,
    store::{SessionStore as _, TouchOptions, Update},
};

use crate::stage::{Stage, is_hit, op, read, set, settle, warm};

/// A session is opened by hits only, for longer than its idle timeout.
#[tokio::test]
async fn hits_keep_a_session_alive() {
    let stage = Stage::new();
    let node = stage.builder().max_age(defaults::ABSOLUTE).build();
    let sessions = Sessions::builder(node.clone()).clock(stage.clock.clone()).build();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    let loads = node.remote().wire.loads.load(SeqCst);
    for _ in 0..60 {
        stage.pass(defaults::IDLE / 20).await;
        sessions.open(&id).await.unwrap();
    }
    assert_eq!(node.remote().wire.loads.load(SeqCst), loads, "hits only, or this tests nothing");
    let touches = node.remote().wire.touches.load(SeqCst);
    assert!((20..=40).contains(&touches), "touches are throttled: {touches}");
}

/// Callers that touch at the same time share one request.
#[tokio::test]
async fn touches_at_the_same_time_are_one() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    node.remote().wire.hold();
    let touches = join_all((0..50).map(|_| node.touch(&id, TouchOptions::default())));
    let release = async {
        node.remote().wire.wait_for_held(1).await;
        settle().await;
        node.remote().wire.release();
    };
    let (touches, ()) = futures_util::join!(touches, release);
    assert!(touches.iter().all(Result::is_ok));
    assert_eq!(node.remote().wire.touches.load(SeqCst), 1);
    node.touch(&id, TouchOptions::default()).await.unwrap();
    assert_eq!(node.remote().wire.touches.load(SeqCst), 2, "a later touch is a request of its own");
}

/// Another node has touched the session. The copy here does not know that and must not report the session as gone.
#[tokio::test]
async fn a_copy_past_its_deadline_is_a_miss() {
    let stage = Stage::new();
    let node = stage.builder().max_age(defaults::ABSOLUTE).max_staleness(defaults::ABSOLUTE).build();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    stage.pass(defaults::IDLE / 2).await;
    stage.store.touch(&id, TouchOptions::default()).await.unwrap();
    stage.pass(defaults::IDLE / 2).await;
    assert!(!is_hit(&node, &id).await);
    assert_eq!(read(&node, &id).await.as_deref(), Some("old"));
}

/// An update with these deadlines and this value of `a`.
fn new_deadlines(expiry: Expiry, value: &str) -> Update {
    Update { expiry: Some(expiry), ..Update::new(op(), set("a", value)) }
}

/// A shorter life is announced, so no copy answers longer than the session lives.
#[tokio::test]
async fn new_deadlines_reach_every_copy() {
    let stage = Stage::new();
    let builder = || stage.builder().max_age(defaults::ABSOLUTE).max_staleness(defaults::ABSOLUTE);
    let (writer, reader) = (builder().build(), builder().build());
    let (id, _) = stage.session("old").await;
    warm(&writer, &id).await;
    warm(&reader, &id).await;
    let short = Expiry::absolute(Duration::from_secs(5));
    writer.apply(&id, &new_deadlines(short, "new")).await.unwrap();
    settle().await;
    assert!(is_hit(&writer, &id).await, "the writer's copy has the deadlines of the answer");
    assert_eq!(read(&reader, &id).await.as_deref(), Some("new"));
    assert!(is_hit(&reader, &id).await);
    stage.pass(Duration::from_secs(5)).await;
    for node in [&writer, &reader] {
        assert_eq!(read(node, &id).await, None);
    }
}

/// The answer to a touch is on its way while another node shortens the session's life.
#[tokio::test]
async fn a_late_answer_to_a_touch_restores_no_deadline() {
    let stage = Stage::new();
    let node = stage.builder().max_age(defaults::ABSOLUTE).max_staleness(defaults::ABSOLUTE).build();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.hold();
    let touch = tokio::spawn({
        let node = node.clone();
        async move { node.touch(&id, TouchOptions::default()).await }
    });
    node.remote().wire.wait_for_held(1).await;
    let short = Expiry::absolute(Duration::from_secs(5));
    stage.store.apply(&id, &new_deadlines(short, "new")).await.unwrap();
    settle().await;
    // Later calls are not held back.
    node.remote().wire.held.store(false, SeqCst);
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert!(is_hit(&node, &id).await, "the node has a copy with the new deadline");
    node.remote().wire.release();
    touch.await.unwrap().unwrap();
    stage.pass(Duration::from_secs(5)).await;
    assert_eq!(read(&node, &id).await, None);
}
