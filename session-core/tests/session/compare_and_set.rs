//! `take`, `update` and `transaction`: exclusive, exactly once, all or nothing.

use std::collections::BTreeSet;

use session_core::{ErrorKind, Sessions};
use session_memory::MemoryStore;
use session_test::{Call, Fault, Target};

use crate::world;

#[tokio::test]
async fn exactly_one_of_two_requests_takes_a_value() {
    let world = world();
    let (mut a, _) = world.two_requests().await;
    a.set("flash", "hello").unwrap();
    a.map_mut("tokens").insert("t", 7u32).unwrap();
    a.commit().await.unwrap();
    let mut b = world.sessions.open(a.id()).await.unwrap();
    assert_eq!(a.take::<String>("flash").await.unwrap().as_deref(), Some("hello"));
    assert_eq!(b.take::<String>("flash").await.unwrap(), None);
    assert_eq!(b.map_mut("tokens").take::<u32>("t").await.unwrap(), Some(7));
    assert_eq!(a.map_mut("tokens").take::<u32>("t").await.unwrap(), None);
    assert!(!a.contains("flash") && !b.contains("flash"));
}

#[tokio::test]
async fn taking_an_unstored_value_sends_nothing() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("flash", 1u32).unwrap();
    world.store.take_calls();
    assert_eq!(session.take::<u32>("flash").await.unwrap(), Some(1));
    assert_eq!(session.take::<u32>("flash").await.unwrap(), None);
    assert_eq!(session.update("count", |n: u32| n + 1).await.unwrap(), 1);
    assert_eq!(world.store.take_calls(), [Call::Apply], "only the update of the stored value");
    assert_eq!(session.get::<u32>("count").unwrap(), Some(1));
}

#[tokio::test]
async fn updates_from_stale_handles_are_all_applied() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    for _ in 0..10 {
        a.update("n", |n: u32| n + 1).await.unwrap();
        b.update("n", |n: u32| n + 1).await.unwrap();
        b.map_mut("cart").update("sku", |n: u32| n + 2).await.unwrap();
    }
    let now = world.sessions.open(a.id()).await.unwrap();
    assert_eq!(now.get::<u32>("n").unwrap(), Some(21));
    assert_eq!(now.map("cart").get::<u32>("sku").unwrap(), Some(20));
}

/// Many tasks on many threads; a lost update would show as a sum that is too small.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_and_takes_race() {
    let sessions = Sessions::builder(MemoryStore::new()).conflict_attempts(1_000).build();
    let mut session = sessions.create().unwrap();
    for token in 0..50u32 {
        session.map_mut("tokens").insert(token, token).unwrap();
    }
    session.commit().await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (sessions, id) = (sessions.clone(), *session.id());
            tokio::spawn(async move {
                let mut session = sessions.open(&id).await.unwrap();
                let mut taken = BTreeSet::new();
                for token in 0..50u32 {
                    session.update("n", |n: u32| n + 1).await.unwrap();
                    taken.extend(session.map_mut("tokens").take::<u32>(token).await.unwrap());
                }
                taken
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap());
    }
    taken.sort_unstable();
    assert_eq!(taken, (0..50).collect::<Vec<_>>(), "each token exactly once");
    let now = sessions.open(session.id()).await.unwrap();
    assert_eq!(now.get::<u32>("n").unwrap(), Some(400));
}

#[tokio::test]
async fn a_compare_and_set_commit_conflicts_after_any_change() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("x", 1u32).unwrap();
    a.commit_if_unchanged().await.unwrap();
    b.set("y", 1u32).unwrap();
    let error = b.commit_if_unchanged().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.conflict().unwrap().current, a.stamp().unwrap());
    assert!(!error.is_retryable());
    b.refresh().await.unwrap();
    b.commit_if_unchanged().await.unwrap();
    assert_eq!(b.get::<u32>("x").unwrap(), Some(1));
}

/// A plain commit over another request's change must not move the handle's stamp past a change that it has not seen.
#[tokio::test]
async fn a_commit_over_a_foreign_change_does_not_hide_it_from_compare_and_set() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("n", 5u32).unwrap();
    a.commit().await.unwrap();
    b.set("other", 1u32).unwrap();
    b.commit().await.unwrap();
    b.set("copy_of_n", b.get::<u32>("n").unwrap()).unwrap();
    assert_eq!(b.commit_if_unchanged().await.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_transaction_reruns_on_the_new_state_and_keeps_earlier_changes() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("n", 10u32).unwrap();
    a.commit().await.unwrap();
    b.set("before", true).unwrap();
    let mut runs = 0;
    let seen = b
        .transaction(|session| {
            runs += 1;
            let n = session.get::<u32>("n")?.unwrap_or_default();
            session.set("double", 2 * n)?;
            Ok(n)
        })
        .await
        .unwrap();
    assert_eq!((seen, runs), (10, 2));
    let now = world.sessions.open(a.id()).await.unwrap();
    assert_eq!(now.get::<u32>("double").unwrap(), Some(20));
    assert_eq!(now.get::<bool>("before").unwrap(), Some(true));
}

#[tokio::test]
async fn changes_of_a_conflicting_run_are_discarded() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("n", 10u32).unwrap();
    a.commit().await.unwrap();
    let look = |session: &mut session_core::Session| {
        let n = session.get::<u32>("n")?.unwrap_or_default();
        session.members_mut("seen").insert(n)
    };
    b.transaction(look).await.unwrap();
    let now = world.sessions.open(a.id()).await.unwrap();
    assert_eq!(now.members("seen").iter::<u32>().map(Result::unwrap).collect::<Vec<_>>(), [10]);
}

#[tokio::test]
async fn a_transaction_whose_closure_fails_records_nothing() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("before", true).unwrap();
    let result = session
        .transaction(|session| {
            session.set("half", 1)?;
            session.get::<String>("n")
        })
        .await;
    assert_eq!(result.unwrap_err().kind(), ErrorKind::UnreadableField);
    assert_eq!(session.pending().insertions().count(), 1);
}

#[tokio::test]
async fn a_take_whose_answer_is_lost_is_settled_by_another_take() {
    let world = world();
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let (mut a, _) = world.two_requests().await;
        a.set("flash", "once").unwrap();
        a.commit().await.unwrap();
        let mut b = world.sessions.open(a.id()).await.unwrap();
        world.store.inject(Target::Write, fault);
        assert_eq!(a.take::<String>("flash").await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
        if fault == Fault::LoseAnswer {
            assert_eq!(b.take::<String>("flash").await.unwrap(), None);
        }
        assert_eq!(a.take::<String>("flash").await.unwrap().as_deref(), Some("once"), "{fault:?}");
        assert_eq!(b.take::<String>("flash").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_lost_take_that_then_loses_the_race_returns_nothing() {
    let world = world();
    let (mut a, _) = world.two_requests().await;
    a.set("flash", "once").unwrap();
    a.commit().await.unwrap();
    let mut b = world.sessions.open(a.id()).await.unwrap();
    world.store.inject(Target::Write, Fault::LoseRequest);
    a.take::<String>("flash").await.unwrap_err();
    assert_eq!(b.take::<String>("flash").await.unwrap().as_deref(), Some("once"));
    assert_eq!(a.take::<String>("flash").await.unwrap(), None);
}

#[tokio::test]
async fn an_update_whose_answer_is_lost_is_applied_once() {
    let world = world();
    for fault in [Fault::LoseAnswer, Fault::LoseRequest] {
        let (mut a, mut b) = world.two_requests().await;
        world.store.inject(Target::Write, fault);
        a.update("n", |n: u32| n + 1).await.unwrap_err();
        b.set("other", 1).unwrap();
        b.commit().await.unwrap();
        assert_eq!(a.update("n", |n: u32| n + 1).await.unwrap(), 2, "{fault:?}");
        let now = world.sessions.open(a.id()).await.unwrap();
        assert_eq!(now.get::<u32>("n").unwrap(), Some(2), "{fault:?}");
    }
}
