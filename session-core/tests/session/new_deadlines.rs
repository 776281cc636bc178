//! New deadlines for one session.

use std::time::Duration;

use session_core::{ErrorKind, Expiry, LoadOptions, Rotate, SessionId, defaults};

use session_test::{Fault, Target};

use crate::{World, world};

const SHORT: Expiry = Expiry::absolute(Duration::from_secs(60));
const LONG: Expiry = Expiry::both(Duration::from_secs(86_400), Duration::from_secs(30 * 86_400));

/// How long the session lives, as another request sees it.
async fn lives_for(world: &World, id: &SessionId) -> Duration {
    let passively = LoadOptions { passive: true, ..LoadOptions::default() };
    world.sessions.open_with(id, passively).await.unwrap().expires_in()
}

#[tokio::test]
async fn they_are_stored_with_what_was_recorded() {
    for (expiry, time) in [(SHORT, 60), (LONG, 86_400)] {
        let world = world();
        let (mut session, _) = world.two_requests().await;
        let (id, stamp) = (*session.id(), session.stamp().unwrap());
        world.clock.advance(Duration::from_secs(10));
        session.set("remember", true).unwrap();
        session.set_expiry(expiry).await.unwrap();
        assert!(!session.has_changes());
        assert_eq!(session.expires_in(), Duration::from_secs(time));
        assert_eq!(lives_for(&world, &id).await, session.expires_in());
        assert_eq!((*session.id(), session.stamp().unwrap().version()), (id, stamp.version() + 1), "one update");
        let other = world.sessions.open(&id).await.unwrap();
        assert_eq!((other.get::<bool>("remember").unwrap(), other.stamp()), (Some(true), session.stamp()));
    }
}

#[tokio::test]
async fn nothing_else_need_be_recorded() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set_expiry(SHORT).await.unwrap();
    assert!(session.has_written());
    session.set("n", 1).unwrap();
    session.commit_if_unchanged().await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(session.refresh().await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_new_session_takes_them_when_it_is_stored() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    session.set_expiry(SHORT).await.unwrap();
    assert!(session.is_new() && !session.has_changes());
    session.set("n", 1).unwrap();
    session.commit().await.unwrap();
    assert_eq!(lives_for(&world, session.id()).await, Duration::from_secs(60));
    let mut ended = session;
    ended.destroy().await.unwrap();
    assert_eq!(ended.set_expiry(LONG).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn they_are_settled_after_an_unknown_outcome() {
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let world = world();
        let (mut session, _) = world.two_requests().await;
        session.set("n", 1).unwrap();
        world.store.inject(Target::Write, fault);
        assert_eq!(session.set_expiry(SHORT).await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        world.clock.advance(Duration::from_secs(5));
        session.commit().await.unwrap();
        let counted_from = if fault == Fault::LoseAnswer { 5 } else { 0 };
        assert_eq!(lives_for(&world, session.id()).await, Duration::from_secs(60 - counted_from), "once");
        assert_eq!(session.expires_in(), Duration::from_secs(60 - counted_from));
    }
}

#[tokio::test]
async fn after_an_own_renewal_they_do_not_confirm_it() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let old = *session.id();
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    session.set_expiry(LONG).await.unwrap();
    world.clock.advance(defaults::ROTATION_GRACE * 2);
    assert!(world.sessions.open(&old).await.is_ok(), "the old id still forwards");
}

/// The use was before the deadlines were replaced. Its touch comes after that.
#[tokio::test]
async fn a_touch_that_was_put_off_restores_no_deadline() {
    let world = world();
    let (session, _) = world.two_requests().await;
    world.clock.advance(defaults::IDLE / 5);
    let later = LoadOptions { touch_later: true, ..LoadOptions::default() };
    let mut session = world.sessions.open_with(session.id(), later).await.unwrap();
    assert_eq!(world.sessions.deferred().touches, 1);
    let short = Expiry::both(Duration::from_secs(120), Duration::from_secs(600));
    session.set_expiry(short).await.unwrap();
    world.clock.advance(Duration::from_secs(10));
    world.sessions.upkeep().await.unwrap();
    assert_eq!(lives_for(&world, session.id()).await, Duration::from_secs(110));
}
