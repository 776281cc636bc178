//! A node never returns an older state of a session than before.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use session_core::{
    Expiry, LoadOptions, ReadLevel,
    store::{
        ChangeKind, FeedItem, GapCause, LoadOutcome, NewSession, Origin, RotationKind, SessionChange,
        SessionStore as _, Update,
    },
};

use crate::stage::{Stage, begin, end, op, read, rotate, set, settle, value_of, warm, write};

/// A copy must not answer after a caller on this node got a newer state from the store.
#[tokio::test]
async fn the_copy_follows_what_the_store_has_told() {
    let (stage, node, id) = Stage::cached("1").await;
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &id, "2").await;
    // An epoch ends while this load is in flight. Its answer is returned, but it is not installed as current.
    node.remote().wire.hold();
    let options = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
    let latest = {
        let (node, id) = (node.clone(), id);
        tokio::spawn(async move { node.load(&id, options).await.unwrap() })
    };
    node.remote().wire.wait_for_held(1).await;
    node.remote().wire.release();
    assert_eq!(value_of(latest.await.unwrap()).as_deref(), Some("2"));
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
}

/// The store says that the session has ended. Meanwhile an older change has arrived, and that of the end has not. The copy
/// must not answer after a caller has learnt that it has ended.
#[tokio::test]
async fn a_copy_does_not_outlive_an_end_that_a_caller_was_told() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, before) = stage.session("1").await;
    warm(&node, &id).await;
    // The changes of the store do not arrive.
    node.remote().wire.lossy.store(true, SeqCst);
    let op = op();
    let after = before.next(op);
    stage.store.apply(&id, &Update::new(op, set("a", "2"))).await.unwrap();
    end(&stage.store, &id).await;
    node.remote().wire.hold();
    let latest = {
        let (node, id) = (node.clone(), id);
        let options = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
        tokio::spawn(async move { node.load(&id, options).await.unwrap() })
    };
    node.remote().wire.wait_for_held(1).await;
    node.remote().wire.inject(FeedItem::Change(SessionChange {
        partition: 0,
        sequence: 7,
        digest: *id.digest(),
        before: Some(before),
        after: Some(after),
        origin: Origin::generate().unwrap(),
        kind: ChangeKind::Applied,
        op: Some(op),
        delta: Some(Arc::new(set("a", "2"))),
    }));
    settle().await;
    node.remote().wire.release();
    assert!(matches!(latest.await.unwrap(), LoadOutcome::Absent(_)));
    assert_eq!(node.stats().fills_rejected, 1, "the answer was older than the change, or this tests nothing");
    assert_eq!(read(&node, &id).await, None);
}

/// Of two loads, the answer of the older one arrives last.
#[tokio::test]
async fn an_answer_that_was_overtaken_is_not_installed() {
    let (stage, node, id, older) = Stage::filling("1").await;
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &id, "2").await;
    node.remote().wire.held.store(false, SeqCst);
    let latest = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
    assert_eq!(value_of(node.load(&id, latest).await.unwrap()).as_deref(), Some("2"));
    node.remote().wire.release();
    older.await.unwrap();
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
}

/// The same, with the newer state returned through an id that the session has left.
#[tokio::test]
async fn an_answer_that_was_overtaken_by_the_old_id_is_not_installed() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("1").await;
    // There is a lease, so installed copies are served.
    warm(&node, &old).await;
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    settle().await;
    let other = old.generate_sibling().unwrap();
    assert_eq!(read(&node, &other).await, None);
    settle().await;
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.hold();
    let older = begin(&node, &new);
    node.remote().wire.wait_for_held(1).await;
    write(&stage.store, &new, "2").await;
    node.remote().wire.held.store(false, SeqCst);
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
    node.remote().wire.feed_held.send_replace(true);
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    write(&stage.store, &new, "2").await;
    assert_eq!(read(&node, &new).await.as_deref(), Some("2"));
    assert_eq!(read(&node, &old).await.as_deref(), Some("2"));
}

/// The same, with the new state seen through the old id.
#[tokio::test]
async fn across_a_renewal_by_the_old_id() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("1").await;
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    warm(&node, &new).await;
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &new, "2").await;
    assert_eq!(read(&node, &old).await.as_deref(), Some("2"));
    assert_eq!(read(&node, &new).await.as_deref(), Some("2"));
}

/// After a reconnect, no older state is returned.
#[tokio::test]
async fn across_a_reconnect() {
    let (stage, node, id) = Stage::cached("1").await;
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &id, "2").await;
    node.remote().wire.feed_held.send_replace(false);
    node.remote().wire.gap(None, GapCause::Disconnected);
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
    node.remote().wire.gap(None, GapCause::Reconnected);
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
}

/// Of two loads, the one that began first was executed last. The other one must not undo its answer.
#[tokio::test]
async fn an_answer_that_was_told_is_a_floor_of_the_load_that_took_its_place() {
    let (stage, node, id) = Stage::leased("1").await;
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.stop();
    let first = begin(&node, &id);
    node.remote().wire.wait_for_held(1).await;
    node.remote().wire.stopped.store(false, SeqCst);
    node.remote().wire.hold();
    let options = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
    let second = {
        let (node, id) = (node.clone(), id);
        tokio::spawn(async move { node.load(&id, options).await.unwrap() })
    };
    node.remote().wire.wait_for_held(2).await;
    write(&stage.store, &id, "2").await;
    node.remote().wire.held.store(false, SeqCst);
    node.remote().wire.go_on();
    assert_eq!(value_of(first.await.unwrap()).as_deref(), Some("2"));
    node.remote().wire.release();
    assert_eq!(value_of(second.await.unwrap()).as_deref(), Some("1"), "it was executed before the write");
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("2"));
}

/// The new state was seen through the old id while a load through the new id, executed before, was in flight.
#[tokio::test]
async fn across_a_renewal_by_the_old_id_while_a_fill_is_in_flight() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (old, _) = stage.session("1").await;
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    let (other, _) = stage.session("x").await;
    warm(&node, &other).await;
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.hold();
    let fill = begin(&node, &new);
    node.remote().wire.wait_for_held(1).await;
    write(&stage.store, &new, "2").await;
    node.remote().wire.held.store(false, SeqCst);
    assert_eq!(read(&node, &old).await.as_deref(), Some("2"));
    node.remote().wire.release();
    fill.await.unwrap();
    settle().await;
    assert_eq!(read(&node, &new).await.as_deref(), Some("2"));
}

/// The same where the other load found no session: what it has installed must not answer after this one found it.
#[tokio::test]
async fn an_absence_is_forgotten_once_the_session_is_found() {
    let stage = Stage::new();
    let node = stage.node();
    // There is a lease, so an absence is remembered.
    let (known, _) = stage.session("known").await;
    warm(&node, &known).await;
    let id = known.generate_sibling().unwrap();
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.stop();
    let first = begin(&node, &id);
    node.remote().wire.wait_for_held(1).await;
    node.remote().wire.stopped.store(false, SeqCst);
    let latest = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
    assert!(matches!(node.load(&id, latest).await.unwrap(), LoadOutcome::Absent(_)));
    let new = NewSession { entries: set("a", "new"), ..NewSession::generate(Expiry::default()).unwrap() };
    stage.store.create(&id, &new).await.unwrap();
    assert_eq!(read(&node, &id).await, None, "the absence is remembered");
    node.remote().wire.go_on();
    assert_eq!(value_of(first.await.unwrap()).as_deref(), Some("new"));
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}
