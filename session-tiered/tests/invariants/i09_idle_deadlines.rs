//! A session in use does not expire, and a copy past its deadline does not answer.

use std::sync::atomic::Ordering::SeqCst;

use futures_util::future::join_all;
use session_core::{
    Sessions, defaults,
    store::{SessionStore as _, TouchOptions},
};

use crate::stage::{Stage, is_hit, read, settle, warm};

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
