//! Touches that wait until after the response.

use session_core::{ErrorKind, Expiry, LoadOptions, Rotate, Session, defaults};
use session_test::{Fault, Target};

use crate::{World, world};

const TOUCH_LATER: LoadOptions = LoadOptions {
    known: None,
    floor: None,
    level: session_core::ReadLevel::Local,
    stale_if_error: None,
    passive: false,
    touch_later: true,
};

/// A session that is due for a touch, open by a request that touches later.
async fn opened_late(world: &World) -> Session {
    let (session, _) = world.two_requests().await;
    world.clock.advance(defaults::IDLE / 5);
    world.touches();
    world.sessions.open_with(session.id(), TOUCH_LATER).await.unwrap()
}

#[tokio::test]
async fn opening_does_not_wait_for_the_touch() {
    let world = world();
    let session = opened_late(&world).await;
    assert_eq!((world.touches(), world.sessions.deferred().touches), (0, 1));
    world.sessions.open_with(session.id(), TOUCH_LATER).await.unwrap();
    assert_eq!(world.sessions.deferred().touches, 1, "one for each session");
    world.clock.advance(defaults::IDLE / 5);
    world.sessions.upkeep().await.unwrap();
    assert_eq!((world.touches(), world.sessions.deferred().touches), (1, 0));
    world.sessions.upkeep().await.unwrap();
    assert_eq!(world.touches(), 0);
    let passive = LoadOptions { passive: true, ..LoadOptions::default() };
    let opened = world.sessions.open_with(session.id(), passive).await.unwrap();
    assert_eq!(opened.expires_in(), defaults::IDLE - defaults::IDLE / 5, "it counts from the use");
}

#[tokio::test]
async fn a_handle_can_send_the_touch_itself() {
    let world = world();
    let mut session = opened_late(&world).await;
    session.touch().await.unwrap();
    assert_eq!((world.touches(), world.sessions.deferred().touches), (1, 0));
    assert_eq!(session.expires_in(), defaults::IDLE);
    world.clock.advance(defaults::IDLE);
    assert_eq!(session.touch().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(session.is_ended());
    let mut new = world.sessions.create().unwrap();
    new.touch().await.unwrap();
    assert_eq!(world.touches(), 1, "a session that is not stored has no deadline");
}

/// A page that polls must not undo the use that waits to be sent.
#[tokio::test]
async fn a_passive_open_leaves_a_touch_that_waits() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    world.clock.advance(defaults::IDLE / 5);
    world.sessions.open_with(session.id(), TOUCH_LATER).await.unwrap();
    let polling = LoadOptions { passive: true, ..TOUCH_LATER };
    world.sessions.open_with(session.id(), polling).await.unwrap();
    world.sessions.upkeep().await.unwrap();
    assert_eq!(world.sessions.open_with(session.id(), polling).await.unwrap().expires_in(), defaults::IDLE);
}

/// An application that forgets its upkeep must not sign users out.
#[tokio::test]
async fn a_touch_waits_for_half_of_the_idle_timeout_at_most() {
    let world = world();
    let session = opened_late(&world).await;
    for _ in 0..20 {
        world.clock.advance(defaults::IDLE / 5);
        world.sessions.open_with(session.id(), TOUCH_LATER).await.unwrap();
    }
    let touches = world.touches();
    assert!((1..=10).contains(&touches), "{touches}");
}

#[tokio::test]
async fn the_confirmation_of_a_renewal_may_wait_too() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let old = *session.id();
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    world.sessions.open_with(session.id(), TOUCH_LATER).await.unwrap();
    world.clock.advance(defaults::ROTATION_GRACE);
    world.sessions.open(&old).await.unwrap();
    world.sessions.upkeep().await.unwrap();
    world.clock.advance(defaults::ROTATION_GRACE);
    assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::NotFound, "it is confirmed");
}

/// Without an idle deadline no later open would send it, so that an application that forgets its upkeep would keep the old
/// id alive for as long as the session.
#[tokio::test]
async fn the_confirmation_of_a_session_without_an_idle_timeout_does_not_wait() {
    let world = world();
    let mut session = world.sessions.create_with(Expiry::absolute(defaults::ABSOLUTE)).unwrap();
    session.persist().await.unwrap();
    let old = *session.id();
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    world.sessions.open_with(session.id(), TOUCH_LATER).await.unwrap();
    assert_eq!(world.sessions.deferred().touches, 0);
    world.clock.advance(defaults::ROTATION_GRACE);
    assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::NotFound, "it is confirmed");
    world.touches();
    world.sessions.open_with(session.id(), TOUCH_LATER).await.unwrap();
    assert_eq!(world.touches(), 0, "once");
}

/// The handle that renews must not confirm the renewal: its response is still to be sent.
#[tokio::test]
async fn a_touch_by_the_renewing_handle_confirms_nothing() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let old = *session.id();
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    session.touch().await.unwrap();
    world.clock.advance(defaults::ROTATION_GRACE);
    world.sessions.open(&old).await.unwrap();
    world.sessions.open(session.id()).await.unwrap();
    world.clock.advance(defaults::ROTATION_GRACE);
    assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::NotFound);
    session.touch().await.unwrap();
}

#[tokio::test]
async fn a_shutdown_sends_touches_that_wait_and_reports_those_that_fail() {
    let world = world();
    let session = opened_late(&world).await;
    world.store.inject(Target::Write, Fault::Fail(ErrorKind::Unavailable));
    assert_eq!(world.sessions.upkeep().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(world.sessions.deferred().touches, 1);
    world.sessions.close().await.unwrap();
    assert_eq!(world.sessions.deferred().touches, 0);
    assert_eq!(world.touches(), 2);
    drop(session);
}
