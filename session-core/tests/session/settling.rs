//! Every pair of calls with a lost request or answer in between, and settled outcomes that must not be mixed up.

use std::{
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use session_core::{
    ErrorKind, Expiry, LoadOptions, Principal, Rotate, Rotated, Session, SessionCap, SignIn,
    store::{LoadOutcome, SessionIndex, SessionStore},
};
use session_test::{Fault, Target};

use crate::{World, world};

const LOST: [Fault; 2] = [Fault::LoseRequest, Fault::LoseAnswer];

/// Calls with an effect of their own. A retry must not repeat the effect, and a loss must not drop it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    Commit,
    CommitIfUnchanged,
    Take,
    Update,
    Renew,
    SignIn,
    Transaction,
}

impl Call {
    const ALL: [Self; 7] =
        [Self::Commit, Self::CommitIfUnchanged, Self::Take, Self::Update, Self::Renew, Self::SignIn, Self::Transaction];

    async fn make(self, session: &mut Session) -> Result<(), session_core::Error> {
        match self {
            Self::Commit => {
                session.set("a", 1u32)?;
                session.commit().await
            }
            Self::CommitIfUnchanged => {
                session.set("b", 1u32)?;
                session.commit_if_unchanged().await
            }
            Self::Take => match session.take::<String>("flash").await? {
                Some(taken) => {
                    assert_eq!(taken, "hello");
                    Ok(())
                }
                None => panic!("the value that this handle took is gone"),
            },
            Self::Update => session.update("n", |n: u32| n + 1).await.map(drop),
            Self::Renew => session.rotate(Rotate::renew()).await.map(drop),
            Self::SignIn => session.rotate(Rotate::privilege().with_sign_in(sign_in())).await.map(drop),
            Self::Transaction => {
                let count = |session: &mut Session| {
                    let t = session.get::<u32>("t")?.unwrap_or_default();
                    session.set("t", t + 1)
                };
                session.transaction(count).await
            }
        }
    }

    async fn check(self, world: &World, now: &mut Session, old: &session_core::SessionId) {
        match self {
            Self::Commit => assert_eq!(now.get::<u32>("a").unwrap(), Some(1)),
            Self::CommitIfUnchanged => assert_eq!(now.get::<u32>("b").unwrap(), Some(1)),
            Self::Take => assert!(!now.contains("flash")),
            Self::Update => assert_eq!(now.get::<u32>("n").unwrap(), Some(2)),
            Self::Renew => assert_ne!(now.id(), old),
            Self::SignIn => {
                assert_eq!(signed_in(world).await, 1);
                assert_eq!(world.sessions.open(old).await.unwrap_err().kind(), ErrorKind::Superseded);
            }
            Self::Transaction => assert_eq!(now.get::<u32>("t").unwrap(), Some(1)),
        }
    }
}

fn ada() -> Principal {
    Principal::new("ada").unwrap()
}

fn sign_in() -> SignIn {
    SignIn::new(ada())
}

async fn signed_in(world: &World) -> usize {
    world.store.inner().sessions(&ada(), 9).await.unwrap().len()
}

#[tokio::test]
async fn each_of_two_calls_happens_once_after_any_loss_between_them() {
    for fault in LOST {
        for first in Call::ALL {
            for second in Call::ALL {
                if first == second && !matches!(first, Call::Take | Call::Update | Call::SignIn) {
                    continue; // A second call would be another operation, or cannot be distinguished.
                }
                let world = world();
                let (mut session, _) = world.two_requests().await;
                session.set("flash", "hello").unwrap();
                session.commit().await.unwrap();
                let old = *session.id();
                world.store.inject(Target::Write, fault);
                assert_eq!(first.make(&mut session).await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
                // A renewal may report that it lost to the sign-in. The effects are checked below.
                second.make(&mut session).await.unwrap_or_else(|error| panic!("{first:?} {second:?}: {error}"));
                session.commit().await.unwrap();
                if first == Call::Take && second != Call::Take {
                    first.make(&mut session).await.unwrap();
                }
                let mut now = world.sessions.open(session.id()).await.unwrap();
                assert_eq!(now.state(), session.state(), "{fault:?} {first:?} {second:?}");
                for call in [first, second] {
                    call.check(&world, &mut now, &old).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_take_and_an_update_of_one_entry_are_not_confused() {
    for fault in LOST {
        let world = world();
        let (mut session, _) = world.two_requests().await;
        world.store.inject(Target::Write, fault);
        session.update("n", |n: u32| n + 1).await.unwrap_err();
        assert_eq!(session.take::<u32>("n").await.unwrap(), Some(2));
        assert!(!world.sessions.open(session.id()).await.unwrap().contains("n"));

        let (mut session, _) = world.two_requests().await;
        world.store.inject(Target::Write, fault);
        session.take::<u32>("n").await.unwrap_err();
        assert_eq!(session.update("n", |n: u32| n + 10).await.unwrap(), 10);
        assert_eq!(session.take::<u32>("n").await.unwrap(), Some(1), "the value of the first call");
        assert_eq!(session.take::<u32>("n").await.unwrap(), Some(10));
    }
}

#[tokio::test]
async fn a_value_that_was_taken_as_another_type_is_not_lost() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("flash", "hello").unwrap();
    session.commit().await.unwrap();
    world.store.inject(Target::Write, Fault::LoseAnswer);
    session.take::<String>("flash").await.unwrap_err();
    assert_eq!(session.take::<u32>("flash").await.unwrap_err().kind(), ErrorKind::UnreadableField);
    assert_eq!(session.take::<String>("flash").await.unwrap().as_deref(), Some("hello"));
}

#[tokio::test]
async fn a_commit_does_not_fail_because_of_a_take_that_lost_its_race() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    world.store.inject(Target::Write, Fault::LoseRequest);
    a.take::<u32>("n").await.unwrap_err();
    b.take::<u32>("n").await.unwrap();
    a.set("z", 1u32).unwrap();
    a.commit().await.unwrap();
    assert_eq!(a.pending().removals().count(), 0);
}

/// The conflict of a compare-and-set is reported to the caller, even if another call settles it.
#[tokio::test]
async fn a_compare_and_set_is_never_committed_without_its_check() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("balance", 5u32).unwrap();
    world.store.inject(Target::Write, Fault::LoseRequest);
    a.commit_if_unchanged().await.unwrap_err();
    b.set("balance", 100u32).unwrap();
    b.commit().await.unwrap();
    assert_eq!(a.update("hits", |n: u32| n + 1).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert!(!a.pending().is_empty(), "recorded again, and reported to the caller");
}

#[derive(Serialize, Deserialize, Default, Clone)]
struct Numbers {
    n: Option<u32>,
    x: Option<u32>,
}

#[tokio::test]
async fn a_save_in_a_transaction_is_repeated_after_a_conflict_and_after_a_failure() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    b.set("other", 1u32).unwrap();
    b.commit().await.unwrap();
    let mut numbers: Numbers = a.view().unwrap();
    numbers.x = Some(9);
    a.transaction(|session| session.save(&numbers)).await.unwrap();
    assert_eq!(world.sessions.open(a.id()).await.unwrap().get::<u32>("x").unwrap(), Some(9));

    let mut numbers: Numbers = b.view().unwrap();
    numbers.n = Some(7);
    let failed = b.transaction(|session| {
        session.save(&numbers)?;
        session.get::<String>("other")
    });
    failed.await.unwrap_err();
    b.save(&numbers).unwrap();
    b.commit().await.unwrap();
    assert_eq!(world.sessions.open(a.id()).await.unwrap().get::<u32>("n").unwrap(), Some(7));
}

#[tokio::test]
async fn a_create_of_unknown_outcome_is_not_given_up() {
    for fault in LOST {
        let world = world();
        let mut session = world.sessions.create().unwrap();
        session.set("old", 1u32).unwrap();
        world.store.inject(Target::Write, fault);
        session.commit().await.unwrap_err();
        session.discard();
        session.set("new", 2u32).unwrap();
        session.commit().await.unwrap();
        let now = world.sessions.open(session.id()).await.unwrap();
        assert_eq!((now.get::<u32>("old").unwrap(), now.get::<u32>("new").unwrap()), (Some(1), Some(2)));
    }
}

#[tokio::test]
async fn the_floor_and_the_retry_follow_the_stamps_of_the_store() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    for n in 0..20u32 {
        a.set("x", n).unwrap();
        a.commit().await.unwrap();
    }
    b.set("y", 1u32).unwrap();
    b.commit().await.unwrap();
    assert_eq!(b.floor().unwrap().version, 22);
    assert_eq!(b.stamp().unwrap().version(), 1, "it has not seen the change of a");
    b.set("y", 2u32).unwrap();
    world.store.inject(Target::Write, Fault::LoseRequest);
    b.commit().await.unwrap_err();
    b.commit().await.unwrap();
}

#[tokio::test]
async fn a_logout_does_not_wait_for_an_update_that_cannot_be_settled() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("x", 1u32).unwrap();
    world.store.inject(Target::Write, Fault::LoseRequest);
    a.commit().await.unwrap_err();
    for n in 0..16u32 {
        b.set("y", n).unwrap();
        b.commit().await.unwrap();
    }
    a.destroy().await.unwrap();
    assert!(world.sessions.open(b.id()).await.is_err());
}

#[tokio::test]
async fn a_destroyed_handle_stores_nothing() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    session.set("x", 1u32).unwrap();
    session.destroy().await.unwrap();
    session.commit().await.unwrap();
    session.set("x", 1u32).unwrap();
    assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(session.update("x", |n: u32| n).await.unwrap(), 1, "recorded, but never sent");
    assert_eq!(session.rotate(Rotate::renew()).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(world.sessions.open(session.id()).await.is_err());
}

#[tokio::test]
async fn a_refused_sign_in_does_not_stay_on_a_new_session() {
    let world = world();
    let capped = sign_in().with_cap(SessionCap::Refuse(1));
    let mut one = world.sessions.create().unwrap();
    let _ = one.rotate(Rotate::privilege().with_sign_in(capped.clone())).await.unwrap();
    let mut two = world.sessions.create().unwrap();
    let refused = two.rotate(Rotate::privilege().with_sign_in(capped)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
    two.commit().await.unwrap();
    assert_eq!(signed_in(&world).await, 1, "the second is a guest");
}

#[tokio::test]
async fn after_a_sign_in_the_old_id_gives_no_access() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let planted = *session.id();
    let _ = session.rotate(Rotate::renew().with_sign_in(sign_in())).await.unwrap();
    assert_eq!(world.sessions.open(&planted).await.unwrap_err().kind(), ErrorKind::Superseded);
}

#[tokio::test]
async fn remember_me_is_not_lost_after_another_rotation() {
    for fault in LOST {
        let world = world();
        let (mut session, _) = world.two_requests().await;
        let month = Duration::from_secs(86_400 * 30);
        world.store.inject(Target::Write, fault);
        session.rotate(Rotate::privilege()).await.unwrap_err();
        let longer = Rotate::privilege().with_expiry(Expiry::absolute(month));
        assert_eq!(session.rotate(longer).await.unwrap(), Rotated::NewId);
        assert_eq!(session.expires_in(), month);
    }
}

const LEASE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_rotation_writes_nothing_after_its_lock_is_lost() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.lock(LEASE, Duration::ZERO).await.unwrap();
    world.clock.advance(LEASE);
    b.lock(LEASE, Duration::ZERO).await.unwrap();
    a.set("n", 666u32).unwrap();
    assert_eq!(a.rotate(Rotate::renew()).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(world.sessions.open(b.id()).await.unwrap().get::<u32>("n").unwrap(), Some(1));
}

#[tokio::test]
async fn locking_twice_renews_and_a_new_lock_leaves_no_trace() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    let token = a.lock(LEASE, Duration::ZERO).await.unwrap();
    world.clock.advance(LEASE / 2);
    assert_eq!(a.lock(LEASE, Duration::ZERO).await.unwrap(), token);
    world.clock.advance(LEASE / 2);
    assert!(b.lock(LEASE, Duration::ZERO).await.is_err());
    for _ in 0..100 {
        world.clock.advance(LEASE);
        assert_ne!(a.lock(LEASE, Duration::ZERO).await.unwrap(), token);
    }
    assert_eq!(format!("{:?}", world.sessions).matches("FencingToken").count(), 1);
}

/// The use at ten minutes counts from that moment, even if the touch is sent later.
#[tokio::test]
async fn a_late_touch_does_not_prolong_an_unused_session() {
    let world = world();
    let (session, _) = world.two_requests().await;
    let minute = Duration::from_secs(60);
    world.clock.advance(10 * minute);
    world.store.inject(Target::Write, Fault::Fail(ErrorKind::Unavailable));
    world.store.inject(Target::Write, Fault::Hang);
    world.sessions.open(session.id()).await.unwrap();
    world.clock.advance(19 * minute);
    {
        let close = pin!(world.sessions.close());
        assert!(close.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    world.touches();
    world.sessions.close().await.unwrap();
    assert_eq!(world.touches(), 1, "a cancelled close continues");
    let alive = async || {
        matches!(world.store.inner().load(session.id(), LoadOptions::default()).await.unwrap(), LoadOutcome::Found(_))
    };
    world.clock.advance(10 * minute);
    assert!(alive().await);
    world.clock.advance(minute);
    assert!(!alive().await);
    assert!(world.store.inner().check().await.is_ok());
}
