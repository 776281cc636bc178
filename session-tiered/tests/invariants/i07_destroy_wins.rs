//! Once a node has received the end of a session, or its lease has run out, it no longer serves the session.

use session_core::{
    LoadOptions, Principal, SessionId, SignIn,
    store::{Absent, LoadOutcome, RotateOutcome, Rotation, RotationKind, SessionStore, TouchOptions, TouchOutcome},
};

use crate::stage::{BOUND, Stage, begin, end, op, read, rotate, settle, warm};

#[tokio::test]
async fn after_the_change_is_heard() {
    let (stage, node, id) = Stage::cached("old").await;
    end(&stage.store, &id).await;
    settle().await;
    assert_eq!(read(&node, &id).await, None);
}

#[tokio::test]
async fn after_the_lease_has_ended() {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.feed_held.send_replace(true);
    end(&stage.store, &id).await;
    stage.pass(BOUND).await;
    assert_eq!(read(&node, &id).await, None);
}

/// Another principal signs in on this node through an old id. The session that this has ended is at the id to which the old
/// one forwarded, which the node knows because it has found the session there.
#[tokio::test]
async fn after_a_sign_in_through_an_old_id() {
    for is_filling in [false, true] {
        let stage = Stage::of_one_partition();
        let node = stage.node();
        let (guest, _) = stage.session("ada's").await;
        let old = sign_in(&stage.store, &guest, "ada").await;
        let new = rotate(&stage.store, &old, RotationKind::Renew).await;
        warm(&node, &stage.session("other").await.0).await;
        assert_eq!(read(&node, &old).await.as_deref(), Some("ada's"));
        node.remote().wire.feed_held.send_replace(true);
        if is_filling {
            node.remote().wire.hold();
            let fill = begin(&node, &new);
            node.remote().wire.wait_for_held(1).await;
            sign_in(&node, &old, "grace").await;
            node.remote().wire.release();
            fill.await.unwrap();
            settle().await;
        } else {
            assert_eq!(read(&node, &new).await.as_deref(), Some("ada's"));
            sign_in(&node, &old, "grace").await;
        }
        let found = node.load(&new, LoadOptions::default()).await.unwrap();
        assert_eq!(found, LoadOutcome::Absent(Absent::Superseded), "filling: {is_filling}");
    }
}

async fn sign_in(store: &dyn SessionStore, from: &SessionId, principal: &str) -> SessionId {
    let to = from.generate_sibling().unwrap();
    let sign_in = Some(SignIn::new(Principal::new(principal).unwrap()));
    let rotation = Rotation { sign_in, ..Rotation::new(op(), to, RotationKind::Privilege) };
    assert!(matches!(store.rotate(from, &rotation).await.unwrap(), RotateOutcome::Rotated(_)));
    to
}

/// A fill read the session before it ended.
#[tokio::test]
async fn a_fill_in_flight_resurrects_nothing() {
    let (stage, node, id, fill) = Stage::filling("old").await;
    end(&stage.store, &id).await;
    settle().await;
    let second = begin(&node, &id);
    settle().await;
    assert_eq!(node.stats().joined, 0, "a caller that comes now must not get the answer of that load");
    node.remote().wire.release();
    fill.await.unwrap();
    assert_eq!(crate::stage::value_of(second.await.unwrap()), None);
    settle().await;
    assert_eq!(read(&node, &id).await, None);
}

/// The same without another caller.
#[tokio::test]
async fn a_fill_that_lands_after_the_end_is_refused() {
    let (stage, node, id, fill) = Stage::filling("old").await;
    end(&stage.store, &id).await;
    settle().await;
    node.remote().wire.release();
    fill.await.unwrap();
    assert_eq!(node.stats().resurrections_refused, 1);
    assert_eq!(read(&node, &id).await, None);
}

/// A touch that was sent before the end does not answer a touch that begins after it.
#[tokio::test]
async fn a_touch_in_flight_is_not_joined_after_the_end() {
    let (_stage, node, id) = Stage::cached("old").await;
    node.remote().wire.hold();
    let first = {
        let node = node.clone();
        tokio::spawn(async move { node.touch(&id, TouchOptions::default()).await })
    };
    node.remote().wire.wait_for_held(1).await;
    end(&node, &id).await;
    node.remote().wire.held.store(false, std::sync::atomic::Ordering::SeqCst);
    let second = futures_util::poll!(Box::pin(node.touch(&id, TouchOptions::default())));
    assert!(
        matches!(second, std::task::Poll::Ready(Ok(TouchOutcome::Absent(Absent::NotFound(Some(_)))))),
        "it asks for itself: {second:?}"
    );
    node.remote().wire.release();
    first.await.unwrap().unwrap();
}
