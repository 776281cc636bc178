//! Sign-ins through the typed layer, which never depend on the state of the old id.

use std::time::Duration;

use session_core::{
    Clock as _, ErrorKind, Principal, Rotate, Rotated, SessionId, Sessions, SignIn,
    codec::{Codecs, Json, KeyRing, Sealed},
    defaults,
    model::{EndReason, Field},
    store::SessionStore as _,
};
use session_test::{Call, Fault, Target};

use crate::world;

fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

fn as_user(name: &str) -> Rotate {
    Rotate::privilege().with_sign_in(SignIn::new(principal(name)))
}

/// The form is sent twice. Both handles were opened with the cookie that the first one replaces.
#[tokio::test]
async fn a_double_click_signs_in_twice() {
    let world = world();
    let (mut first, mut second) = world.two_requests().await;
    assert_eq!(first.rotate(as_user("ada")).await.unwrap(), Rotated::NewId);
    second.set("from", "second").unwrap();
    assert_eq!(second.rotate(as_user("ada")).await.unwrap(), Rotated::NewId);
    assert_ne!(first.id(), second.id());
    assert_eq!(
        (second.get::<u32>("n").unwrap(), second.get::<String>("from").unwrap().as_deref()),
        (Some(1), Some("second"))
    );
    assert!(!second.has_changes() && second.has_written());
    for session in [&first, &second] {
        let opened = world.sessions.open(session.id()).await.unwrap();
        assert_eq!(opened.principal(), Some(&principal("ada")));
        assert_eq!(opened.get::<u32>("n").unwrap(), Some(1));
    }
    second.set("n", 2u32).unwrap();
    second.commit().await.unwrap();
    assert_eq!(world.sessions.open(first.id()).await.unwrap().get::<u32>("n").unwrap(), Some(1));
}

/// The cookie names a session that was superseded, has ended, or never was: no handle, and still a sign-in.
#[tokio::test]
async fn a_sign_in_needs_no_handle() {
    let world = world();
    let (mut first, _) = world.two_requests().await;
    let superseded = *first.id();
    let _ = first.rotate(as_user("ada")).await.unwrap();
    let again = world.sessions.sign_in(&superseded, as_user("ada")).await.unwrap();
    assert_eq!(again.get::<u32>("n").unwrap(), Some(1));
    world.sessions.revoke_all(&principal("ada")).await.unwrap();
    for id in [*again.id(), SessionId::generate().unwrap()] {
        let session = world.sessions.sign_in(&id, as_user("ada")).await.unwrap();
        assert!(session.state().is_empty() && *session.id() != id);
        assert_eq!(session.principal(), Some(&principal("ada")));
        assert_eq!(session.expires_in(), defaults::IDLE);
    }
    let guest = Rotate::privilege();
    let error = world.sessions.sign_in(first.id(), guest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// A second user signs in over the first one, and gets nothing of the first one's but what the application names.
#[tokio::test]
async fn another_user_inherits_nothing() {
    let world = world();
    let (mut session, mut tab) = world.two_requests().await;
    session.members_mut("roles").insert("admin").unwrap();
    session.set("theme", "dark").unwrap();
    let _ = session.rotate(as_user("ada")).await.unwrap();
    let old = *session.id();
    let keeping = SignIn::new(principal("grace")).with_kept_fields([Field::new("theme").unwrap()]);
    session.set("recorded", true).unwrap();
    assert_eq!(session.rotate(Rotate::privilege().with_sign_in(keeping)).await.unwrap(), Rotated::NewId);
    for opened in [&session, &world.sessions.open(session.id()).await.unwrap()] {
        assert_eq!(opened.principal(), Some(&principal("grace")));
        assert_eq!(opened.get::<String>("theme").unwrap().as_deref(), Some("dark"));
        assert_eq!(opened.get::<bool>("recorded").unwrap(), Some(true));
        assert!(opened.members("roles").is_empty() && !opened.contains("n"));
    }
    assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::Superseded);
    assert_eq!(world.sessions.list(&principal("ada")).await.unwrap(), []);
    tab.set("n", 3u32).unwrap();
    assert_eq!(tab.commit().await.unwrap_err().kind(), ErrorKind::Superseded);
}

/// A handle tells who signed in and when, also before it is opened again.
#[tokio::test]
async fn a_handle_tells_the_principal_and_the_time() {
    let world = world();
    let mut new = world.sessions.create().unwrap();
    assert_eq!((new.principal(), new.signed_in_at()), (None, None));
    let _ = new.rotate(as_user("ada")).await.unwrap();
    let (mut session, _) = world.two_requests().await;
    let _ = session.rotate(as_user("ada")).await.unwrap();
    for session in [&new, &session] {
        let opened = world.sessions.open(session.id()).await.unwrap();
        assert_eq!(session.principal(), Some(&principal("ada")));
        assert!(session.signed_in_at().is_some());
        assert_eq!((session.principal(), session.signed_in_at()), (opened.principal(), opened.signed_in_at()));
    }
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    assert_eq!(session.principal(), Some(&principal("ada")));
}

/// The answer to a repeat comes later than the sign-in that it repeats.
#[tokio::test]
async fn a_repeated_sign_in_tells_when_the_first_was_made() {
    for new in [true, false] {
        let world = world();
        let mut session = if new { world.sessions.create().unwrap() } else { world.two_requests().await.0 };
        let at = world.clock.now();
        session.set("n", 2u32).unwrap();
        world.store.inject(Target::Write, Fault::LoseAnswer);
        session.rotate(as_user("ada")).await.unwrap_err();
        world.clock.advance(Duration::from_secs(5));
        world.store.take_calls();
        assert_eq!(session.rotate(as_user("ada")).await.unwrap(), Rotated::NewId);
        let repeat = if new { Call::Create } else { Call::Rotate };
        assert_eq!(world.store.take_calls(), [repeat, Call::Load]);
        assert_eq!(session.signed_in_at(), Some(at), "new: {new}");
        let opened = world.sessions.open(session.id()).await.unwrap();
        assert_eq!(opened.signed_in_at(), Some(at));
        assert_eq!((session.stamp(), session.state()), (opened.stamp(), opened.state()));
        assert_eq!(session.expires_in(), opened.expires_in());
    }
}

/// A sign-in begins the session's life anew: a guest of 23 hours is not signed out an hour later.
#[tokio::test]
async fn a_sign_in_sets_new_deadlines() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    session.persist().await.unwrap();
    let half_an_hour = Duration::from_secs(30 * 60 - 1);
    for _ in 0..46 {
        world.clock.advance(half_an_hour);
        session = world.sessions.open(session.id()).await.unwrap();
    }
    let _ = session.rotate(as_user("ada")).await.unwrap();
    for _ in 0..46 {
        world.clock.advance(half_an_hour);
        world.sessions.open(session.id()).await.unwrap();
    }
}

/// The sign-in has started another session, and the load that follows fails: the next call loads it.
#[tokio::test]
async fn a_started_session_that_cannot_be_loaded_is_loaded_later() {
    let world = world();
    let (mut first, mut second) = world.two_requests().await;
    let _ = first.rotate(as_user("ada")).await.unwrap();
    world.store.inject(Call::Load, Fault::Fail(ErrorKind::Unavailable));
    let error = second.rotate(as_user("ada")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert!(second.has_unsettled());
    assert_eq!(second.rotate(as_user("ada")).await.unwrap(), Rotated::NewId);
    assert_eq!(second.get::<u32>("n").unwrap(), Some(1));
    let index = world.store.inner().index().unwrap();
    assert_eq!(index.sessions(&principal("ada"), 10).await.unwrap().len(), 2);
    world.sessions.open(second.id()).await.unwrap();
}

/// A revocation that overtakes the load of a started session ends it for this handle too.
#[tokio::test]
async fn a_started_session_that_was_revoked_is_not_found() {
    let world = world();
    let (mut first, mut second) = world.two_requests().await;
    let _ = first.rotate(as_user("ada")).await.unwrap();
    world.store.inject(Call::Load, Fault::Fail(ErrorKind::Unavailable));
    second.rotate(as_user("ada")).await.unwrap_err();
    world.sessions.revoke_all(&principal("ada")).await.unwrap();
    let error = second.commit().await.unwrap_err();
    assert_eq!((error.kind(), error.ended().unwrap().reason), (ErrorKind::NotFound, EndReason::Revoked));
    assert!(second.is_ended());
}

/// Sealed values that a started session takes over, and those of the sign-in itself, can be opened there.
#[tokio::test]
async fn sealed_values_survive_a_sign_in_that_starts_a_session() {
    let world = world();
    let codecs = Codecs::new(Sealed::new(Codecs::new(Json), KeyRing::new([7; 32])));
    let sessions = Sessions::builder(world.store.clone()).clock(world.clock.clone()).codecs(codecs).build();
    let mut first = sessions.create().unwrap();
    first.set("cart", 3u32).unwrap();
    first.commit().await.unwrap();
    let mut second = sessions.open(first.id()).await.unwrap();
    let _ = first.rotate(as_user("ada")).await.unwrap();
    second.set("from", "second").unwrap();
    let _ = second.rotate(as_user("ada")).await.unwrap();
    second.set("later", true).unwrap();
    second.commit().await.unwrap();
    let opened = sessions.open(second.id()).await.unwrap();
    assert_eq!(opened.get::<u32>("cart").unwrap(), Some(3));
    assert_eq!(opened.get::<String>("from").unwrap().as_deref(), Some("second"));
    assert_eq!(opened.get::<bool>("later").unwrap(), Some(true));

    let keeping = SignIn::new(principal("grace")).with_kept_fields([Field::new("cart").unwrap()]);
    second.set("greeting", "hello").unwrap();
    let _ = second.rotate(Rotate::privilege().with_sign_in(keeping)).await.unwrap();
    let opened = sessions.open(second.id()).await.unwrap();
    assert_eq!(opened.get::<u32>("cart").unwrap(), Some(3));
    assert_eq!(opened.get::<String>("greeting").unwrap().as_deref(), Some("hello"));
    assert!(!opened.contains("from"));
}

/// The session has ended meanwhile. The values that the handle has sealed for it open in the one that the sign-in starts.
#[tokio::test]
async fn sealed_values_of_the_sign_in_itself_open_where_it_starts() {
    let world = world();
    let codecs = Codecs::new(Sealed::new(Codecs::new(Json), KeyRing::new([7; 32])));
    let sessions = Sessions::builder(world.store.clone()).clock(world.clock.clone()).codecs(codecs).build();
    let mut session = sessions.create().unwrap();
    session.set("cart", 3u32).unwrap();
    session.commit().await.unwrap();
    sessions.destroy(session.id()).await.unwrap();
    session.set("greeting", "hello").unwrap();
    let _ = session.rotate(as_user("ada")).await.unwrap();
    let opened = sessions.open(session.id()).await.unwrap();
    assert_eq!(opened.get::<String>("greeting").unwrap().as_deref(), Some("hello"));
    assert!(!opened.contains("cart"));
}

/// A handle that has renewed its session goes on with the old id. Once that is forgotten, a sign-in still finds the session.
#[tokio::test]
async fn long_after_an_own_renewal_it_keeps_the_entries() {
    let world = world();
    for passed in [Duration::ZERO, defaults::ROTATION_GRACE * 2] {
        let (mut session, _) = world.two_requests().await;
        assert_eq!(session.rotate(Rotate::renew()).await.unwrap(), Rotated::NewId);
        world.sessions.open(session.id()).await.unwrap();
        world.clock.advance(passed);
        let renewed = *session.id();
        let sign_in = SignIn::new(Principal::new("ada").unwrap());
        assert_eq!(session.rotate(Rotate::privilege().with_sign_in(sign_in)).await.unwrap(), Rotated::NewId);
        assert_eq!(session.get::<u32>("n").unwrap(), Some(1), "{passed:?}");
        let now = world.sessions.open(session.id()).await.unwrap();
        assert_eq!(now.get::<u32>("n").unwrap(), Some(1), "{passed:?}");
        let old = world.sessions.open(&renewed).await.unwrap_err();
        assert_eq!(old.kind(), ErrorKind::Superseded, "no second session is left");
    }
}
