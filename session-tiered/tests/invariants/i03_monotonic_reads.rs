//! What a node has shown of a session it does not take back.

use session_core::{
    LoadOptions, ReadLevel,
    store::{GapCause, RotationKind, SessionStore as _},
};

use crate::stage::{Stage, begin, read, rotate, settle, value_of, warm, write};

/// A copy must not answer after the store has told something newer to somebody.
#[tokio::test]
async fn the_copy_follows_what_the_store_has_told() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("1").await;
    warm(&node, &id).await;
    node.remote().wire.mute.send_replace(true);
    write(&stage.store, &id, "2").await;
    // While this one is under way, an epoch ends: what it brings is told, and not installed as if it were sure.
    node.remote().wire.hold();
    let latest = {
        let (node, id) = (node.clone(), id);
        tokio::spawn(async move { node.load(&id, LoadOptions::default().with_level(ReadLevel::Store)).await.unwrap() })
    };
    node.remote().wire.has_read(1).await;
    node.remote().wire.release();
    assert_eq!(value_of(latest.await.unwrap()).as_deref(), Some("2"));
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
}

/// Two loads, and the answer of the older one comes last.
#[tokio::test]
async fn an_answer_that_was_overtaken_is_not_installed() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (id, _) = stage.session("1").await;
    let (other, _) = stage.session("x").await;
    warm(&node, &other).await;
    node.remote().wire.mute.send_replace(true);
    node.remote().wire.hold();
    let older = begin(&node, &id);
    node.remote().wire.has_read(1).await;
    write(&stage.store, &id, "2").await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    let latest = LoadOptions::default().with_level(ReadLevel::Store);
    assert_eq!(value_of(node.load(&id, latest).await.unwrap()).as_deref(), Some("2"));
    node.remote().wire.release();
    older.await.unwrap();
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
}

/// The same, and the newer state was told through an id that the session has left.
#[tokio::test]
async fn an_answer_that_was_overtaken_by_the_old_id_is_not_installed() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("1").await;
    // There is a lease: what is installed is served.
    warm(&node, &old).await;
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    settle().await;
    let other = old.generate_sibling().unwrap();
    assert_eq!(read(&node, &other).await, None);
    settle().await;
    node.remote().wire.mute.send_replace(true);
    node.remote().wire.hold();
    let older = begin(&node, &new);
    node.remote().wire.has_read(1).await;
    write(&stage.store, &new, "2").await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(read(&node, &old).await.as_deref(), Some("2"));
    node.remote().wire.release();
    older.await.unwrap();
    settle().await;
    assert_eq!(read(&node, &new).await.as_deref(), Some("2"));
}

/// The session was renewed elsewhere and is newer at its new id; the copy at the old one is still within its lease.
#[tokio::test]
async fn across_a_renewal() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("1").await;
    warm(&node, &old).await;
    node.remote().wire.mute.send_replace(true);
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    write(&stage.store, &new, "2").await;
    assert_eq!(read(&node, &new).await.as_deref(), Some("2"));
    assert_eq!(read(&node, &old).await.as_deref(), Some("2"));
}

/// The same when the new state was seen through the old id.
#[tokio::test]
async fn across_a_renewal_by_the_old_id() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("1").await;
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    warm(&node, &new).await;
    node.remote().wire.mute.send_replace(true);
    write(&stage.store, &new, "2").await;
    assert_eq!(read(&node, &old).await.as_deref(), Some("2"));
    assert_eq!(read(&node, &new).await.as_deref(), Some("2"));
}

/// A reconnect makes nothing older.
#[tokio::test]
async fn across_a_reconnect() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("1").await;
    warm(&node, &id).await;
    node.remote().wire.mute.send_replace(true);
    write(&stage.store, &id, "2").await;
    node.remote().wire.mute.send_replace(false);
    node.remote().wire.gap(None, GapCause::Disconnected);
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
    node.remote().wire.gap(None, GapCause::Reconnected);
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
}

/// Two loads, of which the one that began first was the later to read: what it has told is not undone by the other.
#[tokio::test]
async fn an_answer_that_was_told_is_a_floor_of_the_load_that_took_its_place() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (id, _) = stage.session("1").await;
    let (other, _) = stage.session("x").await;
    warm(&node, &other).await;
    node.remote().wire.mute.send_replace(true);
    node.remote().wire.stop();
    let first = begin(&node, &id);
    node.remote().wire.has_read(1).await;
    node.remote().wire.stopped.store(false, std::sync::atomic::Ordering::SeqCst);
    node.remote().wire.hold();
    let second = {
        let (node, id) = (node.clone(), id);
        tokio::spawn(async move { node.load(&id, LoadOptions::default().with_level(ReadLevel::Store)).await.unwrap() })
    };
    node.remote().wire.has_read(2).await;
    write(&stage.store, &id, "2").await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    node.remote().wire.go_on();
    assert_eq!(value_of(first.await.unwrap()).as_deref(), Some("2"));
    node.remote().wire.release();
    assert_eq!(value_of(second.await.unwrap()).as_deref(), Some("1"), "it was asked before the write");
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
}

/// The new state was seen through the old id while a load by the new one, which had read before, was under way.
#[tokio::test]
async fn across_a_renewal_by_the_old_id_while_a_fill_is_in_flight() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (old, _) = stage.session("1").await;
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    let (other, _) = stage.session("x").await;
    warm(&node, &other).await;
    node.remote().wire.mute.send_replace(true);
    node.remote().wire.hold();
    let fill = begin(&node, &new);
    node.remote().wire.has_read(1).await;
    write(&stage.store, &new, "2").await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(read(&node, &old).await.as_deref(), Some("2"));
    node.remote().wire.release();
    fill.await.unwrap();
    settle().await;
    assert_eq!(read(&node, &new).await.as_deref(), Some("2"));
}
