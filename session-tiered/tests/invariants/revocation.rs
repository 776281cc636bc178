//! A revocation that its caller drops may have been executed, so the copies are dropped. In these tests the feed is silent and
//! the leases run, so nothing else drops them.

use session_core::{
    Expiry, Principal, SessionId, SignIn,
    model::EndReason,
    store::{CreateOutcome, NewSession, SessionIndex as _, SessionStore as _},
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
