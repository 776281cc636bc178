//! Reading and recording, and the cost of a commit.

use std::{collections::BTreeMap, time::Duration};

use session_core::{
    ErrorKind, Expiry, Limits, LoadOptions, ManualClock, SessionId, Sessions, defaults,
    model::{EndReason, Field, OpId, Value},
    store::{Absent, LoadOutcome, SessionStore as _, Update},
};
use session_memory::MemoryStore;
use session_test::{Call, Fault, Target};

use crate::world;

#[tokio::test]
async fn reads_see_the_requests_own_writes() {
    let world = world();
    let (_, mut session) = world.two_requests().await;
    session.set("theme", "dark").unwrap();
    session.remove("n");
    session.map_mut("cart").insert("a", 1u32).unwrap();
    session.map_mut("cart").insert("b", 2u32).unwrap();
    session.map_mut("cart").remove("a").unwrap();
    session.members_mut("roles").insert("admin").unwrap();
    assert_eq!(session.get::<String>("theme").unwrap().as_deref(), Some("dark"));
    assert_eq!(session.get::<u32>("n").unwrap(), None);
    assert!(!session.contains("n"));
    let cart: BTreeMap<String, u32> = session.map("cart").iter().map(Result::unwrap).collect();
    assert_eq!(cart, BTreeMap::from([("b".to_owned(), 2)]));
    assert_eq!(session.map("cart").len(), 1);
    assert!(session.members("roles").contains("admin").unwrap());
    session.map_mut("cart").clear();
    assert!(session.map("cart").is_empty());
    session.map_mut("cart").insert("c", 3u32).unwrap();
    assert_eq!(session.map("cart").get::<u32>("b").unwrap(), None);

    session.commit().await.unwrap();
    let fresh = world.sessions.open(session.id()).await.unwrap();
    assert_eq!(fresh.state(), session.state());
    assert_eq!(fresh.stamp(), session.stamp());
    assert_eq!(fresh.map("cart").get::<u32>("c").unwrap(), Some(3));
    assert_eq!(fresh.members("roles").iter::<String>().map(Result::unwrap).collect::<Vec<_>>(), ["admin"]);
}

#[tokio::test]
async fn a_commit_is_one_call_and_an_empty_commit_is_none() {
    let world = world();
    let mut session = world.sessions.create().unwrap();
    assert!(session.is_new() && session.stamp().is_none());
    assert_eq!(world.store.take_calls(), []);
    session.persist().await.unwrap();
    assert_eq!((world.store.take_calls(), session.is_new()), (vec![Call::Create], false));
    session.commit().await.unwrap();
    assert_eq!(world.store.take_calls(), []);
    session.set("a", 1u8).unwrap();
    session.map_mut("m").insert(7u64, "x").unwrap();
    session.members_mut("s").insert(true).unwrap();
    session.remove("nothing");
    assert_eq!(session.pending().insertions().count(), 3);
    assert_eq!(session.pending().removals().count(), 1);
    session.commit().await.unwrap();
    assert_eq!(world.store.take_calls(), [Call::Apply]);
    assert!(session.pending().is_empty());
    world.sessions.open(session.id()).await.unwrap();
    assert_eq!(world.store.take_calls(), [Call::Load]);
}

/// The lost update of whole-blob libraries: A inserts one field, B another, and one is gone.
#[tokio::test]
async fn two_requests_never_lose_each_others_changes() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("cart", "x").unwrap();
    b.set("theme", "y").unwrap();
    a.map_mut("lines").insert(1u32, 1u32).unwrap();
    b.map_mut("lines").insert(2u32, 2u32).unwrap();
    a.commit().await.unwrap();
    b.commit().await.unwrap();
    let now = world.sessions.open(a.id()).await.unwrap();
    assert!(now.contains("cart") && now.contains("theme"));
    assert_eq!(now.map("lines").len(), 2);
}

/// Eliding a write that looks redundant against a stale copy would lose it.
#[tokio::test]
async fn an_explicit_write_of_the_current_value_is_sent() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("n", 2u32).unwrap();
    a.commit().await.unwrap();
    b.set("n", 1u32).unwrap();
    assert!(!b.pending().is_empty());
    b.commit().await.unwrap();
    let now = world.sessions.open(a.id()).await.unwrap();
    assert_eq!(now.get::<u32>("n").unwrap(), Some(1));
}

#[tokio::test]
async fn a_commit_after_a_logout_elsewhere_is_not_found_with_the_reason_and_recreates_nothing() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.destroy().await.unwrap();
    a.destroy().await.unwrap();
    world.clock.advance(Duration::from_secs(5));
    b.set("n", 2u32).unwrap();
    let error = b.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let ended = error.ended().unwrap();
    assert_eq!((ended.reason, ended.age), (EndReason::Logout, Duration::from_secs(5)));
    assert!(error.to_string().contains("logout"), "{error}");
    assert!(!b.pending().is_empty(), "the recorded changes are still available");
    assert_eq!(world.sessions.open(b.id()).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn an_id_that_was_never_issued_is_not_accepted() {
    let world = world();
    let made_up = SessionId::generate().unwrap();
    assert_eq!(world.sessions.open(&made_up).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(
        world
            .store
            .inner()
            .load(&made_up, LoadOptions::default())
            .await
            .is_ok_and(|it| matches!(it, LoadOutcome::Absent(Absent::NotFound(None))))
    );
}

#[tokio::test]
async fn discard_drops_recorded_changes() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("n", 9u32).unwrap();
    session.discard();
    assert_eq!(session.get::<u32>("n").unwrap(), Some(1));
    world.store.take_calls();
    session.commit().await.unwrap();
    assert_eq!(world.store.take_calls(), []);
}

#[tokio::test]
async fn bad_input_is_a_typed_error_and_records_nothing() {
    let clock = ManualClock::new();
    let limits = Limits { max_value_bytes: 16, ..Limits::default() };
    let store = MemoryStore::builder().clock(clock).limits(limits).build().unwrap();
    let mut session = Sessions::new(store).create().unwrap();
    let long = "x".repeat(256);
    assert_eq!(session.set("", 1).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(session.set(&long, 1).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(session.map_mut("").insert("k", 1).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(session.map_mut("m").insert(1.5f64, 1).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(session.members_mut("s").insert("k".repeat(1_025)).unwrap_err().kind(), ErrorKind::InvalidInput);
    let error = session.set("big", "x".repeat(64)).unwrap_err();
    assert_eq!((error.kind(), error.field().unwrap().as_str()), (ErrorKind::LimitExceeded, "big"));
    session.remove("");
    session.map_mut(&long).clear();
    assert_eq!(session.get::<u32>("").unwrap(), None);
    assert_eq!(session.map("").len(), 0);
    assert!(session.pending().is_empty());
}

#[tokio::test]
async fn an_unreadable_value_is_an_error_on_its_field_alone() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    let mut delta = session_core::model::Delta::new();
    delta.set(Field::new("broken").unwrap(), Value::from(bytes(&[200, 1, 2])));
    delta.set(Field::new("text").unwrap(), Value::from(bytes(&[3, 255])));
    world.store.inner().apply(session.id(), &Update::new(OpId::generate().unwrap(), delta)).await.unwrap();
    session.refresh().await.unwrap();
    for (field, shown) in [("broken", "format 200"), ("text", "json")] {
        let error = session.get::<String>(field).unwrap_err();
        assert_eq!((error.kind(), error.field().unwrap().as_str()), (ErrorKind::UnreadableField, field));
        assert!(error.to_string().contains(shown), "{error}");
    }
    assert_eq!(session.get::<u32>("n").unwrap(), Some(1));
    assert_eq!(session.get::<String>("n").unwrap_err().kind(), ErrorKind::UnreadableField);
    session.set("broken", 1u8).unwrap();
    session.commit().await.unwrap();
    assert_eq!(session.get::<u8>("broken").unwrap(), Some(1));
}

fn bytes(bytes: &[u8]) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(bytes)
}

#[tokio::test]
async fn opening_an_active_session_keeps_it_alive_with_few_touches() {
    let world = world();
    let (session, _) = world.two_requests().await;
    let step = defaults::IDLE / 30;
    world.touches();
    for _ in 0..90 {
        world.clock.advance(step);
        let opened = world.sessions.open(session.id()).await.unwrap();
        assert!(opened.expires_in() > defaults::IDLE - defaults::IDLE / 10);
    }
    assert_eq!(world.touches(), 30, "one touch for each tenth of the idle timeout");
    world.clock.advance(defaults::IDLE);
    assert_eq!(world.sessions.open(session.id()).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_session_near_its_absolute_deadline_is_not_touched_needlessly() {
    let world = world();
    let expiry = Expiry::both(Duration::from_secs(10), Duration::from_secs(15));
    let sessions = Sessions::builder(world.store.clone()).clock(world.clock.clone()).expiry(expiry).build();
    let mut session = sessions.create().unwrap();
    session.persist().await.unwrap();
    world.clock.advance(Duration::from_secs(6));
    sessions.open(session.id()).await.unwrap();
    assert_eq!(world.touches(), 1, "to the absolute deadline");
    for _ in 0..8 {
        world.clock.advance(Duration::from_secs(1));
        sessions.open(session.id()).await.unwrap();
    }
    assert_eq!(world.touches(), 0);
}

#[tokio::test]
async fn a_failed_touch_does_not_fail_the_read_and_is_retried_at_close() {
    let world = world();
    let (session, _) = world.two_requests().await;
    world.clock.advance(defaults::IDLE / 2);
    world.store.inject(Target::Write, Fault::Fail(ErrorKind::Unavailable));
    let opened = world.sessions.open(session.id()).await.unwrap();
    assert_eq!(opened.expires_in(), defaults::IDLE / 2);
    world.sessions.close().await.unwrap();
    assert_eq!(world.touches(), 2);
    assert_eq!(world.sessions.open(session.id()).await.unwrap_err().kind(), ErrorKind::Configuration);
    world.clock.advance(defaults::IDLE - Duration::from_millis(1));
    let again = Sessions::new(world.store.clone());
    again.open(session.id()).await.unwrap();
}

#[tokio::test]
async fn the_policy_sets_the_deadlines() {
    let world = world();
    let expiry = Expiry::both(Duration::from_secs(10), Duration::from_secs(15));
    let sessions = Sessions::builder(world.store.clone()).clock(world.clock.clone()).expiry(expiry).build();
    let mut session = sessions.create().unwrap();
    assert_eq!(session.expires_in(), Duration::from_secs(10));
    session.persist().await.unwrap();
    world.clock.advance(Duration::from_secs(8));
    session.set("a", 1).unwrap();
    session.commit().await.unwrap();
    assert_eq!(session.expires_in(), Duration::from_secs(7), "the absolute deadline caps the idle one");
    world.clock.advance(Duration::from_secs(7));
    assert!(sessions.open(session.id()).await.is_err());
}

#[tokio::test]
async fn debug_output_shows_no_ids_or_values() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("password", "hunter2").unwrap();
    let id = session.id().expose();
    for shown in [format!("{session:?}"), format!("{:?}", world.sessions), format!("{:?}", session.state())] {
        assert!(!shown.contains("hunter2") && !shown.contains(&id), "{shown}");
    }
    let error = session.get::<u64>("password").unwrap_err();
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

#[tokio::test]
async fn check_asks_the_store() {
    world().sessions.check().await.unwrap();
}
