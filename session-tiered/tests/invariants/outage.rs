//! The store does not answer.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use session_core::{
    Error, ErrorKind, LoadOptions,
    store::{Absent, LoadOutcome, RotationKind, SessionStore as _},
};

use crate::stage::{BOUND, Stage, end, is_hit, read, rotate, settle, value_of, write};

#[tokio::test]
async fn by_default_a_load_fails() {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.down.store(true, SeqCst);
    assert!(is_hit(&node, &id).await, "the lease still runs");
    stage.pass(BOUND).await;
    assert_eq!(node.load(&id, LoadOptions::default()).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn who_allows_it_gets_a_copy_that_states_its_age() {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.down.store(true, SeqCst);
    let down = Duration::from_secs(20);
    stage.pass(down).await;
    let stale = |age| LoadOptions { stale_if_error: Some(Duration::from_secs(age)), ..LoadOptions::default() };
    let LoadOutcome::Found(found) = node.load(&id, stale(30)).await.unwrap() else { panic!("a copy was there") };
    assert!(found.staleness.unwrap() >= down && found.staleness.unwrap() < down + BOUND, "{:?}", found.staleness);
    assert_eq!(node.stats().served_stale, 1);
    assert!(node.load(&id, stale(10)).await.is_err(), "it is older");
    assert!(node.load(&id, LoadOptions::default()).await.is_err(), "a caller that did not allow it gets none");
}

/// The store answers, but not about the session. The circuit stays closed, so each load asks the store.
#[tokio::test]
async fn a_copy_answers_while_the_store_refuses_reads_for_now() {
    let (stage, node, id) = Stage::cached("old").await;
    let stale = LoadOptions { stale_if_error: Some(Duration::from_secs(60)), ..LoadOptions::default() };
    let refuse = |error| *node.remote().wire.refusal.lock() = error;
    refuse(Some(Error::new(ErrorKind::Unavailable, "loading").with_answer()));
    stage.pass(BOUND).await;
    for served in 1..=20 {
        let loads = node.remote().wire.loads.load(SeqCst);
        assert_eq!(value_of(node.load(&id, stale).await.unwrap()).as_deref(), Some("old"));
        assert_eq!((node.stats().served_stale, node.remote().wire.loads.load(SeqCst)), (served, loads + 1));
        assert_eq!(node.load(&id, LoadOptions::default()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    refuse(Some(Error::new(ErrorKind::Overloaded, "too many calls")));
    assert_eq!(value_of(node.load(&id, stale).await.unwrap()).as_deref(), Some("old"));

    // An error that does not pass by itself, or that is about the stored session.
    for kind in [ErrorKind::Configuration, ErrorKind::UnreadableField, ErrorKind::InvalidInput] {
        refuse(Some(Error::new(kind, "").with_answer()));
        assert_eq!(node.load(&id, stale).await.unwrap_err().kind(), kind);
    }
    refuse(None);
}

/// The store says that the session has ended, or that a sign-in has replaced its id.
#[tokio::test]
async fn no_copy_answers_in_place_of_the_store() {
    for ends in [true, false] {
        let (stage, node, id) = Stage::cached("old").await;
        let stale = LoadOptions { stale_if_error: Some(Duration::from_secs(60)), ..LoadOptions::default() };
        node.remote().wire.feed_held.send_replace(true);
        node.remote().wire.refuses_heartbeats.store(true, SeqCst);
        if ends {
            end(&stage.store, &id).await;
        } else {
            rotate(&stage.store, &id, RotationKind::Privilege).await;
        }
        stage.pass(BOUND).await;
        let outcome = node.load(&id, stale).await.unwrap();
        assert_eq!(matches!(outcome, LoadOutcome::Absent(Absent::NotFound(Some(_)))), ends, "{outcome:?}");
        assert_eq!(matches!(outcome, LoadOutcome::Absent(Absent::Superseded)), !ends, "{outcome:?}");
        assert_eq!(node.stats().served_stale, 0);
    }
}

/// Without a copy there is no answer.
#[tokio::test]
async fn what_is_not_cached_is_not_made_up() {
    let stage = Stage::new();
    let node = stage.node();
    let (id, _) = stage.session("old").await;
    node.remote().wire.down.store(true, SeqCst);
    let stale = LoadOptions { stale_if_error: Some(Duration::from_secs(60)), ..LoadOptions::default() };
    assert_eq!(node.load(&id, stale).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// After the store answers again, everything is as before.
#[tokio::test]
async fn it_recovers_by_itself() {
    let (stage, node, id) = Stage::cached("old").await;
    node.remote().wire.down.store(true, SeqCst);
    for _ in 0..100 {
        stage.pass(BOUND).await;
        for _ in 0..3 {
            let _ = node.load(&id, LoadOptions::default()).await;
        }
    }
    assert!(node.stats().broken_circuits > 0, "{:?}", node.stats());
    write(&stage.store, &id, "new").await;
    node.remote().wire.down.store(false, SeqCst);
    stage.pass(BOUND).await;
    assert_eq!(read(&node, &id).await.as_deref(), Some("new"));
    stage.pass(BOUND / 4).await;
    settle().await;
    assert!(is_hit(&node, &id).await);
}
