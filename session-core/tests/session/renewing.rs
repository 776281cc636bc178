//! A renewal through the typed layer: the first request with the new id confirms it.

use std::time::Duration;

use session_core::{ErrorKind, Expiry, LoadOptions, Rotate, Rotated, Session, Sessions, defaults, model::EndReason};
use session_test::{Call, Fault, Target};

use crate::{World, world};

const GRACE: Duration = defaults::ROTATION_GRACE;
const SECOND: Duration = Duration::from_secs(1);

impl World {
    /// A session that was renewed: its old id and its new id.
    async fn renewed(&self) -> (session_core::SessionId, session_core::SessionId) {
        let (mut session, _) = self.two_requests().await;
        let old = *session.id();
        assert_eq!(session.rotate(Rotate::renew()).await.unwrap(), Rotated::NewId);
        (old, *session.id())
    }
}

/// The response with the new id was lost. The browser goes on with the old one, far beyond the grace.
#[tokio::test]
async fn a_lost_response_signs_nobody_out() {
    let world = world();
    let (old, _) = world.renewed().await;
    for turn in 0..10u32 {
        world.clock.advance(defaults::IDLE - SECOND);
        let mut session = world.sessions.open(&old).await.unwrap();
        session.set("n", turn).unwrap();
        session.commit().await.unwrap();
    }
    world.clock.advance(defaults::IDLE);
    assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// A request that renews the session and writes later has not confirmed that the client got the new id.
#[tokio::test]
async fn the_request_that_renews_does_not_confirm() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let old = *session.id();
    assert_eq!(session.rotate(Rotate::renew()).await.unwrap(), Rotated::NewId);
    session.set("n", 2u32).unwrap();
    session.commit().await.unwrap();
    session.update("n", |n: Option<u32>| n.map(|n| n + 1)).await.unwrap();
    world.clock.advance(GRACE + SECOND);
    assert_eq!(world.sessions.open(&old).await.unwrap().get::<u32>("n").unwrap(), Some(3));
}

/// The client has used the new id while the request that renewed the session was still running.
#[tokio::test]
async fn the_request_that_renews_goes_on_after_the_confirmation() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    assert_eq!(session.rotate(Rotate::renew()).await.unwrap(), Rotated::NewId);
    world.sessions.open(session.id()).await.unwrap();
    world.clock.advance(GRACE);
    session.set("n", 2u32).unwrap();
    session.commit().await.unwrap();
    let _ = session.rotate(Rotate::privilege()).await.unwrap();
    assert_eq!(world.sessions.open(session.id()).await.unwrap().get::<u32>("n").unwrap(), Some(2));
}

/// The response with the new id was lost, and a later request has renewed the session once more. The new id of the first
/// renewal gives no access then, and the old one does.
async fn renewed_twice(world: &World) -> (Session, Session) {
    let (mut first, mut second) = world.two_requests().await;
    assert_eq!(first.rotate(Rotate::renew()).await.unwrap(), Rotated::NewId);
    world.clock.advance(GRACE);
    second.set("n", 2u32).unwrap();
    assert_eq!(second.rotate(Rotate::renew()).await.unwrap(), Rotated::NewId);
    (first, second)
}

#[tokio::test]
async fn a_refresh_finds_the_session_by_the_old_id_or_by_the_new_one() {
    for wait in [Duration::ZERO, GRACE] {
        let world = world();
        let (mut session, _) = renewed_twice(&world).await;
        world.clock.advance(wait);
        session.refresh().await.unwrap();
        assert_eq!(session.get::<u32>("n").unwrap(), Some(2), "{wait:?}");
        assert!(!session.has_moved() && !session.is_ended(), "{wait:?}");
    }
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    world.sessions.open(session.id()).await.unwrap();
    world.clock.advance(GRACE);
    let sessions = Sessions::new(world.store.inner().clone());
    let mut elsewhere = sessions.open(session.id()).await.unwrap();
    elsewhere.set("n", 2u32).unwrap();
    elsewhere.commit().await.unwrap();
    session.refresh().await.unwrap();
    assert_eq!(session.get::<u32>("n").unwrap(), Some(2));
}

/// The user who signs out must not stay signed in at another id.
#[tokio::test]
async fn a_destroy_ends_the_session_by_the_old_id_or_by_the_new_one() {
    for wait in [Duration::ZERO, GRACE] {
        let world = world();
        let (mut session, other) = renewed_twice(&world).await;
        world.clock.advance(wait);
        session.destroy().await.unwrap();
        let error = world.sessions.open(other.id()).await.unwrap_err();
        assert_eq!(error.ended().map(|ended| ended.reason), Some(EndReason::Logout), "{wait:?}");
    }
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    world.sessions.open(session.id()).await.unwrap();
    world.clock.advance(GRACE);
    session.destroy().await.unwrap();
    assert!(world.sessions.open(session.id()).await.unwrap_err().ended().is_some());
}

/// A lock is at the new id. That this one is gone says nothing about the session.
#[tokio::test]
async fn a_lock_that_fails_at_the_new_id_does_not_end_the_session() {
    for wait in [Duration::ZERO, GRACE] {
        let world = world();
        let (mut session, _) = renewed_twice(&world).await;
        world.clock.advance(wait);
        session.lock(SECOND, Duration::ZERO).await.unwrap_err();
        assert!(!session.is_ended() && !session.has_moved(), "{wait:?}");
        assert_eq!(session.start_over().unwrap_err().kind(), ErrorKind::Conflict, "{wait:?}");
    }
}

/// Opening the session with the new id confirms it, with one call, once.
#[tokio::test]
async fn the_first_open_with_the_new_id_confirms_it() {
    let world = world();
    let (old, new) = world.renewed().await;
    world.store.take_calls();
    world.sessions.open(&old).await.unwrap();
    assert_eq!(world.store.take_calls(), [Call::Load], "the old id confirms nothing");
    world.sessions.open(&new).await.unwrap();
    assert_eq!(world.store.take_calls(), [Call::Load, Call::Touch]);
    world.sessions.open(&new).await.unwrap();
    assert_eq!(world.store.take_calls(), [Call::Load], "it is confirmed");
    world.clock.advance(GRACE - SECOND);
    world.sessions.open(&old).await.unwrap();
    world.clock.advance(SECOND);
    let error = world.sessions.open(&old).await.unwrap_err();
    assert_eq!((error.kind(), error.ended().unwrap().reason), (ErrorKind::NotFound, EndReason::Renewed));
    world.sessions.open(&new).await.unwrap();
}

/// If the touch that confirms fails, the session opens, and the next request confirms it.
#[tokio::test]
async fn a_confirmation_that_fails_is_repeated() {
    let world = world();
    let (old, new) = world.renewed().await;
    world.store.inject(Target::Write, Fault::Fail(ErrorKind::Unavailable));
    world.sessions.open(&new).await.unwrap();
    world.clock.advance(GRACE);
    world.sessions.open(&old).await.unwrap();
    world.sessions.open(&new).await.unwrap();
    world.clock.advance(GRACE);
    assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// A session without an idle timeout is confirmed too.
#[tokio::test]
async fn a_session_without_an_idle_timeout_is_confirmed() {
    let world = world();
    let sessions =
        Sessions::builder(world.store.clone()).clock(world.clock.clone()).expiry(Expiry::absolute(GRACE * 100)).build();
    let mut session = sessions.create().unwrap();
    session.persist().await.unwrap();
    let old = *session.id();
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    sessions.open(session.id()).await.unwrap();
    world.clock.advance(GRACE);
    assert_eq!(sessions.open(&old).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// The policy limits how long an unconfirmed renewal keeps the old id.
#[tokio::test]
async fn confirm_within_limits_an_unconfirmed_renewal() {
    let world = world();
    let sessions = Sessions::builder(world.store.clone()).clock(world.clock.clone()).confirm_within(GRACE * 2).build();
    let (mut session, _) = world.two_requests().await;
    let old = *session.id();
    let mut session = {
        session.set("n", 2u32).unwrap();
        sessions.open(&old).await.unwrap()
    };
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    world.clock.advance(GRACE * 2 - SECOND);
    sessions.open(&old).await.unwrap();
    world.clock.advance(SECOND);
    assert_eq!(sessions.open(&old).await.unwrap_err().kind(), ErrorKind::NotFound);
    sessions.open_with(session.id(), LoadOptions::default()).await.unwrap();
}
