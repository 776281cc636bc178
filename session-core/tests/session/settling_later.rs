//! Writes of unknown outcome that are settled after their handle is gone.

use std::{sync::Arc, time::Duration};

use session_core::{Deferred, ErrorKind, Expiry, Principal, Rotate, Session, SessionId, Sessions, SignIn, defaults};
use session_test::{Fault, Target};

use crate::{World, world};

/// A handle whose commit of `n` = 2 has this fate.
async fn unsettled(world: &World, fault: Fault) -> Session {
    let (mut session, _) = world.two_requests().await;
    session.set("n", 2u32).unwrap();
    world.store.inject(Target::Write, fault);
    assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    session
}

/// A session of another request, whose calls no fault disturbs.
async fn on_the_store(world: &World, id: &SessionId) -> Session {
    Sessions::new(world.store.inner().clone()).open(id).await.unwrap()
}

fn writes(world: &World) -> (usize, u64) {
    let Deferred { writes, dropped_writes, .. } = world.sessions.deferred();
    (writes, dropped_writes)
}

/// Whether the write happened or not, it is there once afterwards, and a later write of another request is not undone.
#[tokio::test]
async fn a_write_that_may_have_happened_happens_once() {
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let world = world();
        let session = unsettled(&world, fault).await;
        let id = *session.id();
        assert!(world.sessions.settle_later(session));
        assert_eq!(writes(&world), (1, 0));
        let mut other = world.sessions.open(&id).await.unwrap();
        if fault == Fault::LoseAnswer {
            let mut another = on_the_store(&world, &id).await;
            another.set("n", 3u32).unwrap();
            another.commit().await.unwrap();
        }
        other.set("other", true).unwrap();
        world.sessions.upkeep().await.unwrap();
        assert_eq!(writes(&world), (0, 0));
        let now = world.sessions.open(&id).await.unwrap();
        assert_eq!(now.get::<u32>("n").unwrap(), Some(if fault == Fault::LoseAnswer { 3 } else { 2 }));
    }
}

/// No task and no call of `upkeep` is needed: the next write of any session takes one along.
#[tokio::test]
async fn the_next_write_of_any_session_settles_one() {
    let world = world();
    let session = unsettled(&world, Fault::LoseRequest).await;
    let id = *session.id();
    world.sessions.settle_later(session);
    world.sessions.open(&id).await.unwrap();
    assert_eq!(writes(&world), (1, 0), "reads take none along");
    let mut another = world.sessions.create().unwrap();
    another.set("x", 1u32).unwrap();
    another.commit().await.unwrap();
    assert_eq!(writes(&world), (0, 0));
    assert_eq!(world.sessions.open(&id).await.unwrap().get::<u32>("n").unwrap(), Some(2));
}

/// The write beside a call is left for later when the call has its answer.
#[tokio::test]
async fn a_call_does_not_wait_for_the_write_beside_it() {
    let world = world();
    let session = unsettled(&world, Fault::LoseRequest).await;
    let id = *session.id();
    world.sessions.settle_later(session);
    let mut another = world.sessions.create().unwrap();
    another.set("x", 1u32).unwrap();
    world.store.inject(Target::Write, Fault::Hang);
    another.commit().await.unwrap();
    assert_eq!(writes(&world), (1, 0), "its answer never came");
    world.sessions.upkeep().await.unwrap();
    assert_eq!(writes(&world), (0, 0));
    assert_eq!(world.sessions.open(&id).await.unwrap().get::<u32>("n").unwrap(), Some(2));
}

#[tokio::test]
async fn a_write_waits_while_the_store_is_down_and_is_given_up_after_a_minute() {
    let world = world();
    let session = unsettled(&world, Fault::LoseRequest).await;
    let id = *session.id();
    world.sessions.settle_later(session);
    for fault in [Fault::Fail(ErrorKind::Unavailable), Fault::LoseRequest] {
        world.store.inject(Target::Write, fault);
        assert!(world.sessions.upkeep().await.unwrap_err().is_retryable());
        assert_eq!(writes(&world), (1, 0));
    }
    world.clock.advance(Duration::from_secs(60));
    world.sessions.upkeep().await.unwrap();
    assert_eq!(writes(&world), (0, 1), "a click of a minute ago is a surprise");
    assert_eq!(world.sessions.open(&id).await.unwrap().get::<u32>("n").unwrap(), Some(1));
}

#[tokio::test]
async fn a_write_to_a_session_that_has_ended_is_dropped() {
    let world = world();
    let session = unsettled(&world, Fault::LoseRequest).await;
    let id = *session.id();
    world.sessions.settle_later(session);
    world.sessions.destroy(&id).await.unwrap();
    world.sessions.upkeep().await.unwrap();
    assert_eq!(writes(&world), (0, 1));
    assert_eq!(world.sessions.open(&id).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn at_most_256_writes_wait_and_the_oldest_are_dropped() {
    let world = world();
    let mut handles = Vec::new();
    for _ in 0..258 {
        handles.push(unsettled_new(&world).await);
    }
    let ids: Vec<_> = handles.iter().map(|session| *session.id()).collect();
    handles.into_iter().for_each(|session| assert!(world.sessions.settle_later(session)));
    assert_eq!(writes(&world), (256, 2));
    world.sessions.upkeep().await.unwrap();
    assert_eq!(writes(&world), (0, 2));
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(world.sessions.open(id).await.is_ok(), n >= 2, "{n}");
    }
}

async fn unsettled_new(world: &World) -> Session {
    let mut session = world.sessions.create().unwrap();
    session.set("n", 2u32).unwrap();
    world.store.inject(Target::Write, Fault::LoseRequest);
    session.commit().await.unwrap_err();
    session
}

#[tokio::test]
async fn the_first_commit_of_a_new_session_is_settled_too() {
    let world = world();
    let session = unsettled_new(&world).await;
    let id = *session.id();
    assert!(world.sessions.settle_later(session));
    world.sessions.close().await.unwrap();
    assert_eq!(writes(&world), (0, 0));
    assert!(on_the_store(&world, &id).await.contains("n"));
}

/// The session may have lived for its whole life meanwhile, or have moved to an id that the store has forgotten.
#[tokio::test]
async fn a_create_is_not_repeated_when_its_session_may_have_been_there() {
    const LIFE: Duration = Duration::from_secs(5);
    let (grace, day) = (defaults::ROTATION_GRACE, Duration::from_secs(86_400));
    let expiries = [
        (Expiry::default(), grace),
        (Expiry::absolute(day), grace),
        (Expiry::idle(LIFE), LIFE),
        (Expiry::both(day, LIFE), LIFE),
    ];
    for (expiry, bound) in expiries {
        for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
            for (age, is_repeated) in [(bound - Duration::from_millis(1), true), (bound, false)] {
                let world = world();
                let mut session = world.sessions.create_with(expiry).unwrap();
                session.set("n", 2u32).unwrap();
                world.store.inject(Target::Write, fault);
                session.commit().await.unwrap_err();
                // The age counts from the first attempt.
                world.clock.advance(Duration::from_secs(1));
                assert!(world.sessions.settle_later(session));
                world.clock.advance(age - Duration::from_secs(1));
                world.store.take_calls();
                world.sessions.upkeep().await.unwrap();
                let expected = if is_repeated { (1, (0, 0)) } else { (0, (0, 1)) };
                assert_eq!((world.store.take_calls().len(), writes(&world)), expected, "{expiry:?} {fault:?}");
            }
        }
    }
}

/// Its handle was given up late. The user has waited since the first attempt.
#[tokio::test]
async fn the_minute_begins_with_the_first_attempt() {
    let world = world();
    let mut session = unsettled(&world, Fault::LoseRequest).await;
    let id = *session.id();
    world.clock.advance(Duration::from_secs(40));
    world.store.inject(Target::Write, Fault::LoseRequest);
    session.commit().await.unwrap_err();
    world.sessions.settle_later(session);
    world.clock.advance(Duration::from_secs(20));
    world.sessions.upkeep().await.unwrap();
    assert_eq!(writes(&world), (0, 1));
    assert_eq!(world.sessions.open(&id).await.unwrap().get::<u32>("n").unwrap(), Some(1));
}

/// A store that answers the write more slowly than any call beside it never gets to answer it there.
#[tokio::test]
async fn a_write_that_every_call_cuts_off_waits_for_the_upkeep() {
    let world = world();
    let session = unsettled(&world, Fault::LoseRequest).await;
    let id = *session.id();
    world.sessions.settle_later(session);
    let mut another = world.sessions.create().unwrap();
    for n in 0..5u32 {
        another.set("x", n).unwrap();
        world.store.inject(Target::Write, Fault::Hang);
        another.commit().await.unwrap();
        assert_eq!(writes(&world), (1, 0), "cut off, and put back");
    }
    world.sessions.upkeep().await.unwrap();
    assert_eq!(writes(&world), (0, 0));
    assert_eq!(world.sessions.open(&id).await.unwrap().get::<u32>("n").unwrap(), Some(2));
}

/// Only the handle could return a value that was taken, or set the cookie.
#[tokio::test]
async fn a_take_and_a_sign_in_are_not_attempted_again() {
    let world = world();
    let (mut session, mut signing_in) = world.two_requests().await;
    let id = *session.id();
    world.store.inject(Target::Write, Fault::LoseRequest);
    world.store.inject(Target::Write, Fault::LoseRequest);
    session.take::<u32>("n").await.unwrap_err();
    let sign_in = SignIn::new(Principal::new("ada").unwrap());
    signing_in.rotate(Rotate::privilege().with_sign_in(sign_in)).await.unwrap_err();
    assert!(!world.sessions.settle_later(session));
    assert!(!world.sessions.settle_later(signing_in));
    let (settled, _) = world.two_requests().await;
    assert!(!world.sessions.settle_later(settled));
    assert_eq!(writes(&world), (0, 0));
    assert_eq!(world.sessions.open(&id).await.unwrap().get::<u32>("n").unwrap(), Some(1));
}

/// The changes of a renewal are worth keeping; its new id is of no use without the response.
#[tokio::test]
async fn the_changes_of_a_renewal_are_settled_at_the_old_id() {
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let world = world();
        let (mut session, _) = world.two_requests().await;
        let id = *session.id();
        session.set("n", 2u32).unwrap();
        world.store.inject(Target::Write, fault);
        session.rotate(Rotate::renew()).await.unwrap_err();
        assert!(world.sessions.settle_later(session));
        world.sessions.upkeep().await.unwrap();
        assert_eq!(writes(&world), (0, 0));
        assert_eq!(world.sessions.open(&id).await.unwrap().get::<u32>("n").unwrap(), Some(2));
    }
}

/// Whether a handle that is given up keeps what its `Sessions` hold alive.
#[tokio::test]
async fn a_write_that_waits_does_not_keep_the_store_alive() {
    let world = world();
    let store = Arc::new(world.store.clone());
    let world = World { sessions: Sessions::new(store.clone()), ..world };
    let session = unsettled(&world, Fault::LoseRequest).await;
    world.sessions.settle_later(session);
    drop(world);
    assert_eq!(Arc::strong_count(&store), 1);
}
