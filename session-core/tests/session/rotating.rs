//! Rotation through the typed layer.

use std::time::Duration;

use session_core::{
    ErrorKind, Expiry, Principal, Rotate, Rotated, SessionCap, SignIn, defaults, model::EndReason, store::SessionStore,
};
use session_test::Call;

use crate::world;

fn sign_in(name: &str) -> SignIn {
    SignIn::new(Principal::new(name).unwrap())
}

#[tokio::test]
async fn a_sign_in_moves_the_session_with_its_recorded_changes() {
    let world = world();
    let (mut session, mut planted) = world.two_requests().await;
    let old = *session.id();
    session.set("user", 7u32).unwrap();
    world.store.take_calls();
    let expiry = Expiry::absolute(Duration::from_secs(86_400 * 30));
    let rotate = Rotate::privilege().with_sign_in(sign_in("user-7")).with_expiry(expiry);
    assert_eq!(session.rotate(rotate).await.unwrap(), Rotated::NewId);
    assert_eq!(world.store.take_calls(), [Call::Rotate]);
    assert_ne!(*session.id(), old);
    assert_eq!(session.expires_in(), Duration::from_secs(86_400 * 30));
    planted.set("evil", true).unwrap();
    assert_eq!(planted.commit().await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(planted.rotate(Rotate::privilege()).await.unwrap(), Rotated::AlreadyRotated);
    assert!(!planted.pending().is_empty());
    world.clock.advance(defaults::ROTATION_GRACE);
    assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::NotFound);
    let index = world.store.inner().index().unwrap();
    assert_eq!(index.sessions(&Principal::new("user-7").unwrap(), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_renewal_does_not_disturb_requests_in_flight() {
    let world = world();
    let (mut session, mut tab) = world.two_requests().await;
    let old = *session.id();
    assert_eq!(session.rotate(Rotate::renew()).await.unwrap(), Rotated::NewId);
    assert_eq!(tab.rotate(Rotate::renew()).await.unwrap(), Rotated::AlreadyRotated);
    tab.set("n", 2u32).unwrap();
    tab.commit().await.unwrap();
    assert_eq!(world.sessions.open(&old).await.unwrap().get::<u32>("n").unwrap(), Some(2));
    let mut late = world.sessions.open(&old).await.unwrap();
    assert_eq!(late.rotate(Rotate::renew()).await.unwrap(), Rotated::AlreadyRotated);
    assert_eq!(late.rotate(Rotate::privilege()).await.unwrap(), Rotated::NewId);
    assert_eq!(world.sessions.open(late.id()).await.unwrap().get::<u32>("n").unwrap(), Some(2));
    assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(world.sessions.destroy(&old).await.unwrap_err().kind(), ErrorKind::Superseded);
}

#[tokio::test]
async fn a_sign_in_on_a_new_session_stores_it_signed_in() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    session.set("user", 7u32).unwrap();
    let rotate = Rotate::privilege().with_sign_in(sign_in("user-7").with_cap(SessionCap::EndOldest(1)));
    assert_eq!(session.rotate(rotate.clone()).await.unwrap(), Rotated::NewId);
    assert!(!session.is_new());
    let mut elsewhere = world.sessions.create().unwrap();
    assert_eq!(elsewhere.rotate(rotate).await.unwrap(), Rotated::NewId);
    let error = world.sessions.open(session.id()).await.unwrap_err();
    assert_eq!(error.ended().unwrap().reason, EndReason::Limit);
}

#[tokio::test]
async fn sign_out_everywhere_reaches_every_handle() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let _ = session.rotate(Rotate::privilege().with_sign_in(sign_in("u"))).await.unwrap();
    let index = world.store.inner().index().unwrap();
    drop(index.revoke_all(&Principal::new("u").unwrap(), None, EndReason::Revoked).await.unwrap());
    session.set("n", 2u32).unwrap();
    let error = session.commit().await.unwrap_err();
    assert_eq!((error.kind(), error.ended().unwrap().reason), (ErrorKind::NotFound, EndReason::Revoked));
}
