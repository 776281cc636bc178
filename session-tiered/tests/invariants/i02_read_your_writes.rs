//! What a node was told is done it sees from then on.

use session_core::{
    model::EndReason,
    store::{Absent, Destroy, LoadOutcome, RotationKind, SessionStore as _, SessionStoreExt as _, Update},
};

use crate::stage::{Stage, begin, end, op, read, rotate, set, settle, value_of, warm, write};

#[tokio::test]
async fn an_update_is_seen_before_the_feed_tells_it() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.mute.send_replace(true);
    write(&node, &id, "new").await;
    let hits = node.stats().hits;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().hits, hits + 1, "and the copy stays a hit");
}

/// A fill that left before must not bring back what was there before.
#[tokio::test]
async fn a_fill_in_flight_does_not_undo_an_update() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    let (other, _) = stage.session("x").await;
    warm(&node, &other).await;
    node.remote().wire.mute.send_replace(true);
    node.remote().wire.hold();
    let fill = begin(&node, &id);
    node.remote().wire.has_read(1).await;
    write(&node, &id, "new").await;
    node.remote().wire.release();
    assert_eq!(value_of(fill.await.unwrap()).as_deref(), Some("old"), "it was asked before");
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    assert_eq!(node.stats().fills_rejected, 1);
}

#[tokio::test]
async fn an_end_is_seen_at_once() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.mute.send_replace(true);
    end(&node, &id).await;
    assert!(matches!(node.get(&id).await.unwrap(), LoadOutcome::Absent(Absent::NotFound(Some(_)))));
}

/// By the old id, while it forwards, and seen at the new one, of which there is a copy.
#[tokio::test]
async fn what_is_done_by_an_old_id_is_seen_at_the_new_one() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    let new = rotate(&stage.store, &old, RotationKind::Renew).await;
    warm(&node, &new).await;
    node.remote().wire.mute.send_replace(true);
    write(&node, &old, "new").await;
    assert_eq!(read(&node, &new).await.as_deref(), Some("new"));
    end(&node, &old).await;
    assert_eq!(read(&node, &new).await, None);
}

/// A fill by the old id that left before the rotation is not what is there after an update by that id.
#[tokio::test]
async fn a_fill_by_an_old_id_does_not_undo_what_is_done_by_it() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    let (other, _) = stage.session("x").await;
    warm(&node, &other).await;
    node.remote().wire.mute.send_replace(true);
    node.remote().wire.hold();
    let fill = begin(&node, &old);
    node.remote().wire.has_read(1).await;
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
        node.remote().wire.mute.send_replace(true);
        let new = rotate(&node, &old, kind).await;
        assert_eq!(read(&node, &new).await.as_deref(), Some("old"));
        let at_the_old = node.get(&old).await.unwrap();
        match kind {
            RotationKind::Renew => assert!(matches!(at_the_old, LoadOutcome::Found(_)), "{at_the_old:?}"),
            RotationKind::Privilege => assert_eq!(at_the_old, LoadOutcome::Absent(Absent::Superseded)),
        }
    }
}

/// Nobody knows whether it happened, so nothing that is cached may say that it did not.
#[tokio::test]
async fn after_an_unknown_outcome_the_store_is_asked() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.mute.send_replace(true);
    node.remote().wire.deaf.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(node.apply(&id, &Update::new(op(), set("a", "new"))).await.is_err());
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}

/// Dropped in the middle, it may have happened too.
#[tokio::test]
async fn after_a_call_that_was_dropped_the_store_is_asked() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.mute.send_replace(true);
    let update = Update::new(op(), set("a", "new"));
    let mut call = Box::pin(node.apply(&id, &update));
    let _ = futures_util::poll!(&mut call);
    drop(call);
    stage.store.apply(&id, &update).await.unwrap();
    settle().await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
}

/// A repeat says what the present stamp is, not what lies in between.
#[tokio::test]
async fn a_repeat_drops_the_copy() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.mute.send_replace(true);
    let update = Update::new(op(), set("a", "mine"));
    stage.store.apply(&id, &update).await.unwrap();
    write(&stage.store, &id, "theirs").await;
    node.apply(&id, &update).await.unwrap();
    assert_eq!(read(&node, &id).await.as_deref(), Some("theirs"));
}

/// A conflict tells that there is something newer.
#[tokio::test]
async fn a_conflict_drops_the_copy_that_caused_it() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, stamp) = stage.session("old").await;
    warm(&node, &id).await;
    node.remote().wire.mute.send_replace(true);
    write(&stage.store, &id, "new").await;
    let update = Update::new(op(), set("a", "mine")).with_precondition(session_core::store::Precondition::Stamp(stamp));
    assert!(matches!(node.apply(&id, &update).await.unwrap(), session_core::store::ApplyOutcome::Conflict(_)));
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"), "or a retry would fail for ever");
}

/// An id without a session is remembered as such until this node makes one.
#[tokio::test]
async fn a_session_of_this_node_is_seen_where_none_was() {
    let stage = Stage::new();
    let node = stage.node();
    let id = session_core::SessionId::generate().unwrap();
    for _ in 0..3 {
        assert_eq!(read(&node, &id).await, None);
        settle().await;
    }
    node.remote().wire.mute.send_replace(true);
    let new = session_core::store::NewSession::generate(session_core::Expiry::default())
        .unwrap()
        .with_entries(set("a", "new"));
    node.create(&id, &new).await.unwrap();
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    node.destroy(&id, &Destroy::new(op(), EndReason::Logout)).await.unwrap();
    assert_eq!(read(&node, &id).await, None);
}

/// A sign-in by an old id that still forwards: the id that it forwarded to gives no access either.
#[tokio::test]
async fn a_sign_in_by_an_old_id_is_seen_at_the_one_between() {
    let stage = Stage::new();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    let between = rotate(&stage.store, &old, RotationKind::Renew).await;
    warm(&node, &between).await;
    node.remote().wire.mute.send_replace(true);
    let new = rotate(&node, &old, RotationKind::Privilege).await;
    assert!(matches!(node.get(&between).await.unwrap(), LoadOutcome::Absent(Absent::Superseded)));
    assert_eq!(read(&node, &new).await.as_deref(), Some("old"));
}

/// Nor is it brought back by a fill that had read it before.
#[tokio::test]
async fn a_fill_does_not_undo_a_sign_in_by_an_old_id() {
    let stage = Stage::of_one_partition();
    let node = stage.node();
    let (old, _) = stage.session("old").await;
    let between = rotate(&stage.store, &old, RotationKind::Renew).await;
    warm(&node, &stage.session("x").await.0).await;
    node.remote().wire.mute.send_replace(true);
    node.remote().wire.hold();
    let fill = begin(&node, &between);
    node.remote().wire.has_read(1).await;
    rotate(&node, &old, RotationKind::Privilege).await;
    node.remote().wire.release();
    fill.await.unwrap();
    settle().await;
    assert!(matches!(node.get(&between).await.unwrap(), LoadOutcome::Absent(Absent::Superseded)));
}

/// A call begins when its future is first polled, not when that is made.
#[tokio::test]
async fn a_load_that_is_awaited_after_a_write_sees_it() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    let load = node.load(&id, session_core::LoadOptions::default());
    write(&node, &id, "new").await;
    assert_eq!(value_of(load.await.unwrap()).as_deref(), Some("new"));
}
