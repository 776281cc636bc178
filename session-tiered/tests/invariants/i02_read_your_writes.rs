//! A node sees every write that was acknowledged to it.

use std::sync::Arc;

use session_core::{
    Expiry, LoadOptions, SessionId,
    model::EndReason,
    store::{
        Absent, ApplyOutcome, ChangeKind, Destroy, FeedItem, LoadOutcome, NewSession, Origin, Precondition,
        RotationKind, SessionChange, SessionStore as _, Update,
    },
};

use crate::stage::{Stage, begin, end, op, read, rotate, set, settle, value_of, warm, write};

#[tokio::test]
async fn an_update_is_seen_before_the_feed_tells_it() {
    let (_stage, node, id) = Stage::cached("old").await;
    node.remote().wire.feed_held.send_replace(true);
    write(&node, &id, "new").await;
    let hits = node.stats().hits;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().hits, hits + 1, "and the copy stays a hit");
}

/// A fill that left before a write must not bring back the state before it.
#[tokio::test]
async fn a_fill_in_flight_does_not_undo_an_update() {
    let (_stage, node, id, fill) = Stage::filling("old").await;
    node.remote().wire.feed_held.send_replace(true);
    write(&node, &id, "new").await;
    node.remote().wire.release();
    assert_eq!(value_of(fill.await.unwrap()).as_deref(), Some("old"), "it left before the write");
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().fills_rejected, 1);
}

/// After a failover, calls reach the new primary before the feed does. The old primary had published updates that the new
/// one does not have, and the copy has them.
#[tokio::test]
async fn a_write_that_is_acknowledged_below_the_copy_ends_it() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, stamp) = stage.session("kept").await;
    warm(&node, &id).await;
    let mut before = stamp;
    for (sequence, value) in [(7, "lost"), (8, "lost too")] {
        let op = op();
        let after = before.next(op);
        node.remote().wire.inject(FeedItem::Change(SessionChange {
            partition: 0,
            sequence,
            digest: *id.digest(),
            before: Some(before),
            after: Some(after),
            origin: Origin::generate().unwrap(),
            kind: ChangeKind::Applied,
            op: Some(op),
            delta: Some(Arc::new(set("a", value))),
        }));
        settle().await;
        before = after;
    }
    assert_eq!(
        read(&node, &id).await.as_deref(),
        Some("lost too"),
        "a copy of the lost history, or this tests nothing"
    );
    write(&node, &id, "mine").await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("mine"));
    assert_eq!(node.stats().history_lost, 1);
}

#[tokio::test]
async fn an_end_is_seen_at_once() {
    let (_stage, node, id) = Stage::cached("old").await;
    node.remote().wire.feed_held.send_replace(true);
    end(&node, &id).await;
    assert!(matches!(
        node.load(&id, LoadOptions::default()).await.unwrap(),
        LoadOutcome::Absent(Absent::NotFound(Some(_)))
    ));
}

/// A write through the old id, while it forwards, is seen at the new one, which has a copy.
#[tokio::test]
async fn what_is_done_by_an_old_id_is_seen_at_the_new_one() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    warm(&node, &new).await;
    node.remote().wire.feed_held.send_replace(true);
    write(&node, &old, "new").await;
    assert_eq!(read(&node, &new).await.as_deref(), Some("new"));
    end(&node, &old).await;
    assert_eq!(read(&node, &new).await, None);
}

/// A fill through the old id that left before the rotation is not served after an update through that id.
#[tokio::test]
async fn a_fill_by_an_old_id_does_not_undo_what_is_done_by_it() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    let (other, _) = stage.session("x").await;
    warm(&node, &other).await;
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.hold();
    let fill = begin(&node, &old);
    node.remote().wire.wait_for_held(1).await;
    rotate(&stage.store, &old, RotationKind::Renew).await;
    write(&node, &old, "new").await;
    node.remote().wire.release();
    fill.await.unwrap();
    assert_eq!(read(&node, &old).await.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_rotation_is_seen_at_once() {
    for kind in [RotationKind::Renew, RotationKind::Privilege] {
        let stage = Stage::new();
        let node = stage.node();
        let (old, _) = stage.session("old").await;
        warm(&node, &old).await;
        node.remote().wire.feed_held.send_replace(true);
        let new = rotate(&node, &old, kind).await;
        assert_eq!(read(&node, &new).await.as_deref(), Some("old"));
        let at_the_old = node.load(&old, LoadOptions::default()).await.unwrap();
        match kind {
            RotationKind::Renew => assert!(matches!(at_the_old, LoadOutcome::Found(_)), "{at_the_old:?}"),
            RotationKind::Privilege => assert_eq!(at_the_old, LoadOutcome::Absent(Absent::Superseded)),
        }
    }
}

/// The write may have been executed, so no copy may deny it.
#[tokio::test]
async fn after_an_unknown_outcome_the_store_is_asked() {
    let (_stage, node, id) = Stage::cached("old").await;
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.loses_answers.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(node.apply(&id, &Update::new(op(), set("a", "new"))).await.is_err());
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}

/// The write went through an old id, and the copy is at the id to which that forwards.
#[tokio::test]
async fn after_an_unknown_outcome_through_an_old_id_the_store_is_asked() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    warm(&node, &new).await;
    assert_eq!(read(&node, &old).await.as_deref(), Some("old"));
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.loses_answers.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(node.apply(&old, &Update::new(op(), set("a", "new"))).await.is_err());
    assert_eq!(read(&node, &new).await.as_deref(), Some("new"));
}

/// A dropped write may have been executed too.
#[tokio::test]
async fn after_a_call_that_was_dropped_the_store_is_asked() {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.feed_held.send_replace(true);
    let update = Update::new(op(), set("a", "new"));
    let mut call = Box::pin(node.apply(&id, &update));
    let _ = futures_util::poll!(&mut call);
    drop(call);
    stage.store.apply(&id, &update).await.unwrap();
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}

/// The answer to a repeat has the current stamp, but not the updates before it.
#[tokio::test]
async fn a_repeat_drops_the_copy() {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.feed_held.send_replace(true);
    let update = Update::new(op(), set("a", "mine"));
    stage.store.apply(&id, &update).await.unwrap();
    write(&stage.store, &id, "theirs").await;
    node.apply(&id, &update).await.unwrap();
    assert_eq!(read(&node, &id).await.as_deref(), Some("theirs"));
}

/// A conflict shows that there is a newer state.
#[tokio::test]
async fn a_conflict_drops_the_copy_that_caused_it() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, stamp) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.feed_held.send_replace(true);
    write(&stage.store, &id, "new").await;
    let update = Update { preconditions: vec![Precondition::Stamp(stamp)], ..Update::new(op(), set("a", "mine")) };
    assert!(matches!(node.apply(&id, &update).await.unwrap(), ApplyOutcome::Conflict(_)));
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"), "or a retry would fail for ever");
}

/// An absent id is remembered until this node creates a session there.
#[tokio::test]
async fn a_session_of_this_node_is_seen_where_none_was() {
    let stage = Stage::new();
    let node = stage.node();
    let id = SessionId::generate().unwrap();
    for _ in 0..3 {
        assert_eq!(read(&node, &id).await, None);
        settle().await;
    }
    node.remote().wire.feed_held.send_replace(true);
    let new = NewSession { entries: set("a", "new"), ..NewSession::generate(Expiry::default()).unwrap() };
    node.create(&id, &new).await.unwrap();
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    node.destroy(&id, &Destroy::new(op(), EndReason::Logout)).await.unwrap();
    assert_eq!(read(&node, &id).await, None);
}

/// A sign-in through an old id that still forwards: the id that it forwarded to gives no access either.
#[tokio::test]
async fn a_sign_in_by_an_old_id_is_seen_at_the_one_between() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    let between = rotate(&stage.store, &old, RotationKind::Renew).await;
    warm(&node, &between).await;
    node.remote().wire.feed_held.send_replace(true);
    let new = rotate(&node, &old, RotationKind::Privilege).await;
    assert!(matches!(
        node.load(&between, LoadOptions::default()).await.unwrap(),
        LoadOutcome::Absent(Absent::Superseded)
    ));
    assert_eq!(read(&node, &new).await.as_deref(), Some("old"));
}

/// Nor does a fill bring it back that read it before.
#[tokio::test]
async fn a_fill_does_not_undo_a_sign_in_by_an_old_id() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    let between = rotate(&stage.store, &old, RotationKind::Renew).await;
    warm(&node, &stage.session("x").await.0).await;
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.hold();
    let fill = begin(&node, &between);
    node.remote().wire.wait_for_held(1).await;
    rotate(&node, &old, RotationKind::Privilege).await;
    node.remote().wire.release();
    fill.await.unwrap();
    settle().await;
    assert!(matches!(
        node.load(&between, LoadOptions::default()).await.unwrap(),
        LoadOutcome::Absent(Absent::Superseded)
    ));
}

/// A call begins when its future is first polled, not when the future is created.
#[tokio::test]
async fn a_load_that_is_awaited_after_a_write_sees_it() {
    let (_stage, node, id) = Stage::cached("old").await;
    let load = node.load(&id, LoadOptions::default());
    write(&node, &id, "new").await;
    assert_eq!(value_of(load.await.unwrap()).as_deref(), Some("new"));
}
