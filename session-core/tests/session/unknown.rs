//! A handle after an unknown outcome.

use std::{
    pin::pin,
    task::{Context, Waker},
};

use session_core::{
    ErrorKind, Rotate, Rotated, defaults,
    model::{EndReason, OpId},
    store::{Destroy, SessionStore as _},
};
use session_test::{Call, Fault, Target};

use crate::world;

#[tokio::test]
async fn a_lost_answer_is_settled_by_the_next_commit_and_applied_once() {
    let world = world();
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let (mut a, mut b) = world.two_requests().await;
        a.set("n", 2u32).unwrap();
        world.store.inject(Target::Write, fault);
        let error = a.commit().await.unwrap_err();
        assert!(error.kind() == ErrorKind::OutcomeUnknown && error.is_retryable());
        assert!(a.has_unsettled() && a.pending().is_empty());
        assert_eq!(a.get::<u32>("n").unwrap(), Some(2), "reads still see it");
        a.set("later", 1u32).unwrap();
        b.set("n", 3u32).unwrap();
        b.commit().await.unwrap();
        world.store.take_calls();
        a.commit().await.unwrap();
        assert_eq!(
            world.store.take_calls(),
            [Call::Apply, Call::Apply],
            "first the old request, then the later changes"
        );
        let now = world.sessions.open(a.id()).await.unwrap();
        // Applied before b's change if the request was executed, after it otherwise; never twice.
        let expected = if fault == Fault::LoseAnswer { 3 } else { 2 };
        assert_eq!(now.get::<u32>("n").unwrap(), Some(expected), "{fault:?}");
        assert_eq!(now.get::<u32>("later").unwrap(), Some(1));
        assert_eq!(now.stamp().unwrap().version(), 4);
    }
}

/// A compare-and-set that was applied but whose answer was lost is Applied on the retry, not a conflict with itself.
#[tokio::test]
async fn a_lost_answer_of_a_compare_and_set_is_not_a_conflict() {
    let world = world();
    let (mut a, _) = world.two_requests().await;
    a.set("n", 2u32).unwrap();
    world.store.inject(Target::Write, Fault::LoseAnswer);
    a.commit_if_unchanged().await.unwrap_err();
    a.commit().await.unwrap();
    assert!(!a.has_unsettled());
    a.set("n", 3u32).unwrap();
    a.commit_if_unchanged().await.unwrap();
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_created_once() {
    let world = world();
    for fault in [Fault::LoseAnswer, Fault::LoseRequest, Fault::Fail(ErrorKind::Unavailable)] {
        let mut session = world.sessions.create().unwrap();
        session.set("n", 1u32).unwrap();
        world.store.inject(Target::Write, fault);
        session.commit().await.unwrap_err();
        assert!(session.is_new());
        session.set("m", 2u32).unwrap();
        session.commit().await.unwrap();
        session.commit().await.unwrap();
        let now = world.sessions.open(session.id()).await.unwrap();
        assert_eq!(now.state(), session.state(), "{fault:?}");
        assert_eq!(now.stamp(), session.stamp());
    }
}

/// A commit of a handle that is no longer new also sends the changes recorded after a create of unknown outcome.
#[tokio::test]
async fn a_create_that_is_settled_late_is_followed_by_later_changes() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    session.set("n", 1u32).unwrap();
    world.store.inject(Target::Write, Fault::LoseAnswer);
    session.commit().await.unwrap_err();
    session.set("m", 2u32).unwrap();
    session.commit().await.unwrap();
    let now = world.sessions.open(session.id()).await.unwrap();
    assert_eq!((now.get::<u32>("n").unwrap(), now.get::<u32>("m").unwrap()), (Some(1), Some(2)));
}

#[tokio::test]
async fn a_refused_request_keeps_its_changes_recorded() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("n", 2u32).unwrap();
    world.store.inject(Target::Write, Fault::Fail(ErrorKind::Unavailable));
    assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(!session.has_unsettled() && !session.pending().is_empty());
    session.set("m", 2u32).unwrap();
    world.store.take_calls();
    session.commit().await.unwrap();
    assert_eq!(world.store.take_calls(), [Call::Apply]);
}

/// The refusal of a retry does not reveal the outcome of the first attempt.
#[tokio::test]
async fn a_refused_retry_leaves_the_outcome_unknown() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("n", 2u32).unwrap();
    world.store.inject(Target::Write, Fault::LoseAnswer);
    world.store.inject(Target::Write, Fault::Fail(ErrorKind::Unavailable));
    session.persist().await.unwrap_err();
    assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert!(session.has_unsettled());
    session.commit().await.unwrap();
    let now = world.sessions.open(session.id()).await.unwrap();
    assert_eq!(now.stamp().unwrap().version(), 2);
}

#[tokio::test]
async fn a_dropped_commit_is_settled_by_the_next_one() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("n", 2u32).unwrap();
    world.store.inject(Target::Write, Fault::Hang);
    {
        let commit = pin!(session.commit());
        assert!(commit.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(session.has_unsettled());
    session.commit().await.unwrap();
    let now = world.sessions.open(session.id()).await.unwrap();
    assert_eq!((now.get::<u32>("n").unwrap(), now.stamp().unwrap().version()), (Some(2), 2));
}

#[tokio::test]
async fn a_retry_that_is_too_late_stays_unknown_until_it_is_discarded() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("n", 2u32).unwrap();
    world.store.inject(Target::Write, Fault::LoseRequest);
    a.commit().await.unwrap_err();
    for n in 0..16u32 {
        b.set("m", n).unwrap();
        b.commit().await.unwrap();
    }
    assert_eq!(a.commit().await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    a.discard();
    a.refresh().await.unwrap();
    assert_eq!(a.get::<u32>("n").unwrap(), Some(1), "it had not happened");
    a.set("n", 3u32).unwrap();
    a.commit().await.unwrap();
}

/// The first attempt may have happened before the session ended, so the outcome stays unknown.
#[tokio::test]
async fn a_retry_after_a_logout_recreates_nothing() {
    let world = world();
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let (mut a, _) = world.two_requests().await;
        a.set("n", 2u32).unwrap();
        world.store.inject(Target::Write, fault);
        a.commit().await.unwrap_err();
        world
            .store
            .inner()
            .destroy(a.id(), &Destroy::new(OpId::generate().unwrap(), EndReason::Revoked))
            .await
            .unwrap();
        for _ in 0..2 {
            let error = a.commit().await.unwrap_err();
            assert_eq!((error.kind(), error.ended().unwrap().reason), (ErrorKind::OutcomeUnknown, EndReason::Revoked));
            assert!(a.is_ended() && a.has_unsettled() && a.pending().is_empty());
        }
        a.discard();
        assert!(!a.has_changes());
    }
}

/// An application that redid the update would make it twice.
#[tokio::test]
async fn a_retry_after_a_sign_in_does_not_deny_its_first_attempt() {
    let world = world();
    for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
        let (mut a, mut b) = world.two_requests().await;
        a.set("n", 2u32).unwrap();
        world.store.inject(Target::Write, fault);
        a.commit().await.unwrap_err();
        let _ = b.rotate(Rotate::privilege()).await.unwrap();
        let error = a.commit().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{fault:?}");
        assert!(a.has_unsettled() && a.pending().is_empty(), "the update is not recorded again");
        let now = world.sessions.open(b.id()).await.unwrap().get::<u32>("n").unwrap();
        assert_eq!(now, Some(if fault == Fault::LoseAnswer { 2 } else { 1 }), "{fault:?}");
    }
}

/// Without an earlier attempt, there is no doubt.
#[tokio::test]
async fn a_first_attempt_after_a_sign_in_is_superseded() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("n", 2u32).unwrap();
    let _ = b.rotate(Rotate::privilege()).await.unwrap();
    assert_eq!(a.commit().await.unwrap_err().kind(), ErrorKind::Superseded);
    assert!(!a.has_unsettled() && !a.pending().is_empty());
}

#[tokio::test]
async fn a_rotation_whose_answer_is_lost_is_settled_by_the_next_call() {
    let world = world();
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        for again in [true, false] {
            let (mut session, _) = world.two_requests().await;
            let old = *session.id();
            session.set("user", 7u32).unwrap();
            world.store.inject(Target::Write, fault);
            session.rotate(Rotate::privilege()).await.unwrap_err();
            if again {
                assert_eq!(session.rotate(Rotate::privilege()).await.unwrap(), Rotated::NewId);
            } else {
                session.commit().await.unwrap();
            }
            assert_ne!(*session.id(), old);
            let now = world.sessions.open(session.id()).await.unwrap();
            assert_eq!(now.get::<u32>("user").unwrap(), Some(7), "{fault:?}");
            assert_eq!(now.stamp(), session.stamp());
            assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::Superseded);
        }
    }
}

/// The first attempt of a renewal may have stored its changes before another request renewed the session. Recorded again
/// under another op id, they would undo what others have changed since.
#[tokio::test]
async fn a_renewal_that_loses_to_another_stores_its_changes_once() {
    let world = world();
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        for again in [true, false] {
            let (mut a, mut b) = world.two_requests().await;
            a.set("n", 2u32).unwrap();
            world.store.inject(Target::Write, fault);
            a.rotate(Rotate::renew()).await.unwrap_err();
            world.clock.advance(defaults::ROTATION_GRACE);
            b.set("n", 3u32).unwrap();
            assert_eq!(b.rotate(Rotate::renew()).await.unwrap(), Rotated::NewId);
            a.set("later", 1u32).unwrap();
            if again {
                assert_eq!(a.rotate(Rotate::renew()).await.unwrap(), Rotated::AlreadyRotated);
            }
            a.commit().await.unwrap();
            assert!(!a.has_changes());
            let now = world.sessions.open(b.id()).await.unwrap();
            let expected = if fault == Fault::LoseAnswer { 3 } else { 2 };
            assert_eq!(now.get::<u32>("n").unwrap(), Some(expected), "{fault:?}");
            assert_eq!(now.get::<u32>("later").unwrap(), Some(1));
            assert_eq!(now.stamp().unwrap().version(), 4, "{fault:?}");
        }
    }
}

/// The first attempt of a renewal may have stored its changes before the session ended.
#[tokio::test]
async fn a_retried_renewal_that_meets_an_end_stays_unknown() {
    let world = world();
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let (mut a, mut b) = world.two_requests().await;
        a.set("n", 2u32).unwrap();
        world.store.inject(Target::Write, fault);
        a.rotate(Rotate::renew()).await.unwrap_err();
        b.destroy().await.unwrap();
        let error = a.commit().await.unwrap_err();
        assert_eq!((error.kind(), error.ended().is_some()), (ErrorKind::OutcomeUnknown, true), "{fault:?}");
        assert!(a.has_unsettled());
    }
}

/// Otherwise the delayed create, or the new id of the rotation, would outlive the logout.
#[tokio::test]
async fn a_destroy_settles_a_create_and_a_rotation_first() {
    let world = world();
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let mut session = world.sessions.create().unwrap();
        world.store.inject(Target::Write, fault);
        session.persist().await.unwrap_err();
        session.destroy().await.unwrap();
        assert!(world.sessions.open(session.id()).await.unwrap_err().ended().is_some(), "{fault:?}");

        let (mut session, _) = world.two_requests().await;
        world.store.inject(Target::Write, fault);
        session.rotate(Rotate::privilege()).await.unwrap_err();
        session.destroy().await.unwrap();
        assert!(world.sessions.open(session.id()).await.unwrap_err().ended().is_some(), "{fault:?}");
    }
    let mut session = world.sessions.create().unwrap();
    world.store.inject(Target::Write, Fault::LoseAnswer);
    world.store.inject(Target::Write, Fault::Fail(ErrorKind::Unavailable));
    session.persist().await.unwrap_err();
    assert_eq!(session.destroy().await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    session.destroy().await.unwrap();
}
