//! A watch and the deadlines of its session, and passive opening.

use std::time::Duration;

use session_core::{LoadOptions, defaults};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Waits until a watch has ended, or until the session's deadline is known to be later.
async fn is_over(watched: &Watched, watch: &mut Watch) -> bool {
    watched.delivered().await;
    !is_pending(watch)
}

#[tokio::test]
async fn expiry_ends_a_watch() {
    let watched = watched();
    let session = watched.session().await;
    let mut watch = watched.watch(session.id()).await;
    assert!(is_pending(&mut watch));
    watched.clock.advance(defaults::IDLE - Duration::from_millis(1));
    assert!(is_pending(&mut watch));
    watched.clock.advance(Duration::from_millis(1));
    assert_eq!(end(watch).await, WatchEnd::Expired);
}

#[tokio::test]
async fn a_watch_lasts_as_long_as_others_use_the_session() {
    let watched = watched();
    let session = watched.session().await;
    let mut watch = watched.watch(session.id()).await;
    for _ in 0..6 {
        assert!(!is_over(&watched, &mut watch).await);
        watched.clock.advance(20 * MINUTE);
        watched.other().open(session.id()).await.unwrap();
    }
    assert!(!is_over(&watched, &mut watch).await);
    watched.clock.advance(defaults::IDLE);
    assert_eq!(end(watch).await, WatchEnd::Expired);
}

#[tokio::test]
async fn a_watch_does_not_use_the_session() {
    let watched = watched();
    let session = watched.session().await;
    watched.clock.advance(20 * MINUTE);
    let mut watch = watched.watch(session.id()).await;
    watched.clock.advance(10 * MINUTE - Duration::from_millis(1));
    assert!(is_pending(&mut watch));
    watched.clock.advance(Duration::from_millis(1));
    assert_eq!(end(watch).await, WatchEnd::Expired);
}

/// The longest lifetime is longer than a timer accepts.
#[tokio::test]
async fn a_session_without_a_near_deadline_is_watched() {
    let watched = watched();
    let mut session = watched.sessions.create().unwrap();
    let _ = session.rotate(Rotate::privilege().with_expiry(Expiry::absolute(Duration::MAX))).await.unwrap();
    let mut watch = watched.watch(session.id()).await;
    for _ in 0..3 {
        assert!(is_pending(&mut watch));
        watched.clock.advance(1_440 * MINUTE);
    }
    session.destroy().await.unwrap();
    assert_eq!(end(watch).await, ended(EndReason::Logout));
}

/// The deadline of a session that has moved cannot be read through its old id.
#[tokio::test]
async fn the_deadline_of_a_session_that_moved_is_not_taken_for_its_end() {
    for rotate in [Rotate::renew(), Rotate::privilege()] {
        let watched = watched();
        let mut session = watched.session().await;
        let old = *session.id();
        let mut watch = watched.watch(&old).await;
        assert!(is_pending(&mut watch));
        let is_renewal = rotate == Rotate::renew();
        let _ = session.rotate(rotate).await.unwrap();
        if is_renewal {
            // The same is true of a watch that begins at the old id.
            drop(std::mem::replace(&mut watch, watched.watch(&old).await));
            assert!(is_pending(&mut watch));
        }
        watched.clock.advance(defaults::IDLE - MINUTE);
        watched.other().open(session.id()).await.unwrap();
        assert!(!is_over(&watched, &mut watch).await);
        watched.clock.advance(MINUTE);
        assert_eq!(end(watch).await, WatchEnd::Interrupted(None));
    }
}

#[tokio::test]
async fn a_deadline_that_cannot_be_asked_for_is_not_vouched_for() {
    let watched = watched();
    let session = watched.session().await;
    let watch = watched.watch(session.id()).await;
    watched.store.test_store.set_down(true);
    watched.clock.advance(defaults::IDLE);
    assert_eq!(end(watch).await, WatchEnd::Interrupted(None));
}

#[tokio::test]
async fn a_passive_open_is_no_use_of_the_session() {
    let world = crate::world();
    let (session, _) = world.two_requests().await;
    let passively = LoadOptions { passive: true, ..LoadOptions::default() };
    world.touches();
    for _ in 0..5 {
        world.clock.advance(defaults::IDLE / 6);
        let opened = world.sessions.open_with(session.id(), passively).await.unwrap();
        assert_eq!(opened.expires_in(), session.expires_in());
    }
    assert_eq!(world.touches(), 0);
    world.sessions.open_with(session.id(), LoadOptions::default()).await.unwrap();
    assert_eq!(world.touches(), 1, "one was due");
    world.clock.advance(defaults::IDLE);
    assert!(world.sessions.open_with(session.id(), passively).await.is_err());
}

#[tokio::test]
async fn a_change_made_after_a_passive_open_renews_the_deadline() {
    let world = crate::world();
    let (session, _) = world.two_requests().await;
    world.clock.advance(20 * MINUTE);
    let passively = LoadOptions { passive: true, ..LoadOptions::default() };
    let mut opened = world.sessions.open_with(session.id(), passively).await.unwrap();
    opened.set("n", 2u32).unwrap();
    opened.commit().await.unwrap();
    assert_eq!(opened.expires_in(), defaults::IDLE);
}
