//! A revocation drops the copies of the sessions that it has ended. One that its caller drops, or that says that sessions are
//! left, may have ended any of them. In these tests the feed is silent and the leases run, so nothing else drops copies.

use session_core::{
    Expiry, Principal, SessionId, SignIn,
    model::{EndReason, OpId},
    store::{CreateOutcome, NewSession, RotateOutcome, Rotation, RotationKind, SessionIndex as _, SessionStore as _},
};

use crate::stage::{Node, Stage, is_hit, read, set, warm};

/// A session of this principal with a copy on the node.
async fn signed_in(stage: &Stage, node: &Node, principal: &Principal) -> SessionId {
    let id = SessionId::generate().unwrap();
    let new = NewSession {
        entries: set("a", "old"),
        sign_in: Some(SignIn::new(principal.clone())),
        ..NewSession::generate(Expiry::default()).unwrap()
    };
    assert!(matches!(stage.store.create(&id, &new).await.unwrap(), CreateOutcome::Created(_)));
    warm(node, &id).await;
    id
}

#[tokio::test]
async fn one_that_is_given_up_drops_the_copy() {
    let stage = Stage::new();
    let (node, alice) = (stage.node(), Principal::new("alice").unwrap());
    let id = signed_in(&stage, &node, &alice).await;
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.hold();
    let mut revocation = Box::pin(node.revoke(&alice, id.digest(), EndReason::Revoked));
    assert!(futures_util::poll!(&mut revocation).is_pending());
    drop(revocation);
    node.remote().wire.release();
    assert_eq!(read(&node, &id).await, None);
}

#[tokio::test]
async fn all_that_are_given_up_drop_their_copies_but_the_one_that_stays() {
    let stage = Stage::new();
    let (node, alice) = (stage.node(), Principal::new("alice").unwrap());
    let (here, there) = (signed_in(&stage, &node, &alice).await, signed_in(&stage, &node, &alice).await);
    node.remote().wire.feed_held.send_replace(true);
    node.remote().wire.hold();
    let mut revocation = Box::pin(node.revoke_all(&alice, Some(&here), EndReason::Revoked));
    assert!(futures_util::poll!(&mut revocation).is_pending());
    drop(revocation);
    node.remote().wire.release();
    assert!(is_hit(&node, &here).await, "it was not revoked");
    assert_eq!(read(&node, &there).await, None);
}

#[tokio::test]
async fn one_that_succeeds_drops_the_copies_of_what_it_has_ended() {
    let stage = Stage::new();
    let (node, alice, bob) = (stage.node(), Principal::new("alice").unwrap(), Principal::new("bob").unwrap());
    let (here, there) = (signed_in(&stage, &node, &alice).await, signed_in(&stage, &node, &alice).await);
    let other = signed_in(&stage, &node, &bob).await;
    node.remote().wire.feed_held.send_replace(true);
    let revoked = node.revoke_all(&alice, Some(&here), EndReason::Revoked).await.unwrap();
    assert_eq!((revoked.ended, revoked.left), (vec![*there.digest()], 0));
    assert!(is_hit(&node, &here).await && is_hit(&node, &other).await, "they were not revoked");
    assert_eq!(read(&node, &there).await, None);
}

/// The outcome of some of its requests may be unknown.
#[tokio::test]
async fn one_that_leaves_sessions_drops_all_copies_of_the_principal() {
    let stage = Stage::new();
    let (node, alice, bob) = (stage.node(), Principal::new("alice").unwrap(), Principal::new("bob").unwrap());
    let (ended, unknown) = (signed_in(&stage, &node, &alice).await, signed_in(&stage, &node, &alice).await);
    let other = signed_in(&stage, &node, &bob).await;
    node.remote().wire.feed_held.send_replace(true);
    *node.remote().wire.unconfirmed.lock() = Some(*unknown.digest());
    let revoked = node.revoke_all(&alice, None, EndReason::Revoked).await.unwrap();
    assert_eq!((revoked.ended, revoked.left), (vec![*ended.digest()], 1));
    assert!(is_hit(&node, &other).await);
    for id in [ended, unknown] {
        assert_eq!(read(&node, &id).await, None);
    }
}

/// The store ends a session where it is now. The node has not received that it has moved there.
#[tokio::test]
async fn one_that_succeeds_drops_the_copy_at_an_id_that_the_session_has_left() {
    let stage = Stage::new();
    let (node, alice) = (stage.node(), Principal::new("alice").unwrap());
    let old = signed_in(&stage, &node, &alice).await;
    node.remote().wire.feed_held.send_replace(true);
    let renewal = Rotation::new(OpId::generate().unwrap(), old.generate_sibling().unwrap(), RotationKind::Renew);
    assert!(matches!(stage.store.rotate(&old, &renewal).await.unwrap(), RotateOutcome::Rotated(_)));
    assert!(is_hit(&node, &old).await, "the node does not know");
    let revoked = node.revoke_all(&alice, None, EndReason::Revoked).await.unwrap();
    assert_eq!((revoked.ended, revoked.left), (vec![*renewal.to.digest()], 0));
    assert_eq!(read(&node, &old).await, None);
}

/// Another node has ended a session a moment ago, so this revocation does not.
#[tokio::test]
async fn one_that_succeeds_drops_the_copy_of_what_had_ended_before() {
    let stage = Stage::new();
    let (node, alice) = (stage.node(), Principal::new("alice").unwrap());
    let id = signed_in(&stage, &node, &alice).await;
    node.remote().wire.feed_held.send_replace(true);
    assert!(stage.store.revoke(&alice, id.digest(), EndReason::Revoked).await.unwrap());
    assert!(is_hit(&node, &id).await, "the node does not know");
    let revoked = node.revoke_all(&alice, None, EndReason::Revoked).await.unwrap();
    assert_eq!((revoked.ended, revoked.left), (vec![], 0));
    assert_eq!(read(&node, &id).await, None);
}

/// A session that cannot be listed does not keep the others from being revoked.
#[tokio::test]
async fn one_reads_no_list() {
    let stage = Stage::new();
    let (node, alice) = (stage.node(), Principal::new("alice").unwrap());
    let id = signed_in(&stage, &node, &alice).await;
    node.remote().wire.lists_fail.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(node.sessions(&alice, 10).await.unwrap_err().kind(), session_core::ErrorKind::UnreadableField);
    assert_eq!(node.revoke_all(&alice, None, EndReason::Revoked).await.unwrap().ended, [*id.digest()]);
}
