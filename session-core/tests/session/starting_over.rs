//! What a request has recorded for a session that is gone goes into a new one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use session_core::{
    Error, ErrorKind, LoadOptions, Principal, Rotate, Rotated, Session, SessionId, Sessions, SignIn,
    codec::{Codecs, Json, KeyRing, Sealed},
    defaults,
    model::EndReason,
    store::{
        Absent, ApplyOutcome, LoadOutcome, RotateOutcome, Rotation, SessionStore, TouchOptions, TouchOutcome, Update,
        async_trait, forward,
    },
};
use session_memory::MemoryStore;
use session_test::{Fault, Target, TestStore};

use crate::{World, world};

fn as_user(name: &str) -> Rotate {
    Rotate::privilege().with_sign_in(SignIn::new(Principal::new(name).unwrap()))
}

/// A session that expires while a request works on it.
async fn expired(world: &World) -> Session {
    let (mut session, _) = world.two_requests().await;
    session.set("theme", "dark").unwrap();
    session.remove("n");
    session.map_mut("cart").insert("sku-1", 2u32).unwrap();
    session.members_mut("viewed").insert("sku-1").unwrap();
    world.clock.advance(defaults::IDLE);
    assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::NotFound);
    session
}

#[tokio::test]
async fn what_was_recorded_is_stored_in_a_new_session() {
    let world = world();
    let mut session = expired(&world).await;
    let old = *session.id();
    world.store.take_calls();
    session.start_over().unwrap();
    assert!(session.is_new() && !session.is_ended() && session.id() != &old);
    assert_eq!(world.store.take_calls(), [], "nothing is sent");
    session.set("later", true).unwrap();
    session.commit().await.unwrap();
    let stored = world.sessions.open(session.id()).await.unwrap();
    assert_eq!(stored.state(), session.state());
    assert_eq!(stored.get::<String>("theme").unwrap().as_deref(), Some("dark"));
    assert_eq!(stored.map("cart").get::<u32>("sku-1").unwrap(), Some(2));
    assert!(stored.members("viewed").contains("sku-1").unwrap() && stored.contains("later"));
    assert!(!stored.contains("n"), "entries of the old session are not kept");
    assert_eq!(world.sessions.open(&old).await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// A removal is of an entry of the old session. It is no reason to store a new one.
#[tokio::test]
async fn removals_are_not_kept() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.remove("n");
    session.map_mut("cart").clear();
    world.clock.advance(defaults::IDLE);
    session.commit().await.unwrap_err();
    session.start_over().unwrap();
    assert!(!session.has_changes());
    session.commit().await.unwrap();
    assert!(session.is_new());
}

/// Sealed values are bound to their session, so a copy of the bytes would be unreadable.
#[tokio::test]
async fn sealed_values_open_in_the_new_session() {
    let world = world();
    let codecs = Codecs::new(Sealed::new(Codecs::new(Json), KeyRing::new([7; 32])));
    let sessions = Sessions::builder(world.store.clone()).codecs(codecs).build();
    let mut session = sessions.create().unwrap();
    session.persist().await.unwrap();
    session.set("card", "1234").unwrap();
    session.map_mut("cart").insert("sku-1", 2u32).unwrap();
    session.members_mut("viewed").insert("sku-1").unwrap();
    world.clock.advance(defaults::IDLE);
    session.commit().await.unwrap_err();
    session.start_over().unwrap();
    session.commit().await.unwrap();
    let stored = sessions.open(session.id()).await.unwrap();
    assert_eq!(stored.get::<String>("card").unwrap().as_deref(), Some("1234"));
    assert_eq!(stored.map("cart").get::<u32>("sku-1").unwrap(), Some(2));
    assert!(stored.members("viewed").contains("sku-1").unwrap());
}

/// The principal is that of the session that expired, and signs in again.
#[tokio::test]
async fn nobody_is_signed_in_afterwards() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let _ = session.rotate(as_user("ada")).await.unwrap();
    session.set("n", 2u32).unwrap();
    world.clock.advance(defaults::IDLE);
    session.commit().await.unwrap_err();
    session.start_over().unwrap();
    assert_eq!((session.principal(), session.signed_in_at()), (None, None));
    session.commit().await.unwrap();
    assert_eq!(world.sessions.open(session.id()).await.unwrap().principal(), None);
    assert!(world.sessions.list(&Principal::new("ada").unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_session_that_was_ended_on_purpose_is_not_started_over() {
    for reason in [EndReason::Logout, EndReason::Revoked] {
        let world = world();
        let (mut session, mut other) = world.two_requests().await;
        let ada = Principal::new("ada").unwrap();
        match reason {
            EndReason::Logout => other.destroy().await.unwrap(),
            _ => {
                let _ = session.rotate(as_user("ada")).await.unwrap();
                assert_eq!(world.sessions.revoke_all(&ada).await.unwrap(), 1);
            }
        }
        session.set("n", 2u32).unwrap();
        session.commit().await.unwrap_err();
        let error = session.start_over().unwrap_err();
        assert_eq!((error.kind(), error.ended().unwrap().reason), (ErrorKind::NotFound, reason));
        assert!(!session.is_new() && !session.pending().is_empty(), "the handle is as before");
    }
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.destroy().await.unwrap();
    assert_eq!(session.start_over().unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_session_that_continues_is_not_started_over() {
    let world = world();
    let (mut session, mut other) = world.two_requests().await;
    session.set("n", 2u32).unwrap();
    assert_eq!(session.start_over().unwrap_err().kind(), ErrorKind::Conflict, "nothing says that it is gone");
    let _ = other.rotate(as_user("ada")).await.unwrap();
    session.commit().await.unwrap_err();
    assert_eq!(session.start_over().unwrap_err().kind(), ErrorKind::Superseded);
    assert!(session.has_moved() && !session.is_ended());
}

/// A store that can answer that there is no session, as a replica does that was promoted too early.
#[derive(Debug)]
struct Hiding {
    store: TestStore<MemoryStore>,
    hidden: Arc<AtomicBool>,
}

impl Hiding {
    async fn unless_hidden<T: From<Absent>>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.hidden.load(Relaxed) { Ok(Absent::NotFound(None).into()) } else { answer.await }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SessionStore for Hiding {
    forward!(self => self.store; backend, limits, clock, create, destroy, check, close, index, lock, feed);

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.unless_hidden(self.store.load(id, options)).await
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        self.unless_hidden(self.store.apply(id, update)).await
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        self.unless_hidden(self.store.touch(id, options)).await
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        self.unless_hidden(self.store.rotate(id, rotation)).await
    }
}

/// Each call gets an answer that there is a session. Otherwise starting over would leave it behind.
#[tokio::test]
async fn a_session_that_was_found_again_is_not_started_over() {
    for call in 0..6 {
        let world = world();
        let (new, mut other) = world.two_requests().await;
        let hidden = Arc::new(AtomicBool::new(false));
        let sessions = Sessions::new(Hiding { store: world.store.clone(), hidden: hidden.clone() });
        let mut session = sessions.open(new.id()).await.unwrap();
        session.set("n", 2u32).unwrap();
        hidden.store(true, Relaxed);
        assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(session.is_ended());
        hidden.store(false, Relaxed);
        match call {
            0 => session.commit().await.unwrap(),
            1 => session.touch().await.unwrap(),
            2 => session.refresh().await.unwrap(),
            3 => drop(session.lock(defaults::IDLE, Duration::ZERO).await.unwrap()),
            4 => {
                other.set("n", 3u32).unwrap();
                other.commit().await.unwrap();
                assert_eq!(session.commit_if_unchanged().await.unwrap_err().kind(), ErrorKind::Conflict);
            }
            _ => {
                let _ = other.rotate(Rotate::renew()).await.unwrap();
                assert_eq!(session.rotate(Rotate::renew()).await.unwrap(), Rotated::AlreadyRotated);
            }
        }
        assert!(!session.is_ended(), "{call}");
        assert_eq!(session.start_over().unwrap_err().kind(), ErrorKind::Conflict, "{call}");
    }
}

/// The first attempt may have been stored in the session that is gone. The new one begins with the update all the same.
#[tokio::test]
async fn an_update_of_unknown_outcome_is_kept_and_one_that_was_sent_at_once_is_not() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    world.store.inject(Target::Write, Fault::LoseRequest);
    session.set("theme", "dark").unwrap();
    session.commit().await.unwrap_err();
    session.set("later", 1u32).unwrap();
    world.clock.advance(defaults::IDLE);
    assert_eq!(session.commit().await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    session.start_over().unwrap();
    assert!(!session.has_unsettled());
    session.commit().await.unwrap();
    let stored = world.sessions.open(session.id()).await.unwrap();
    assert!(stored.contains("theme") && stored.contains("later"));

    let (mut session, _) = world.two_requests().await;
    world.store.inject(Target::Write, Fault::LoseRequest);
    session.update("n", |n: u32| n + 1).await.unwrap_err();
    world.clock.advance(defaults::IDLE);
    session.commit().await.unwrap_err();
    session.start_over().unwrap();
    assert!(!session.has_changes());
}
