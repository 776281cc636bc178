//! Transactions whose closure waits for something.

use session_core::{Error, ErrorKind, Session};
use session_test::{Fault, Target};
use tokio::sync::oneshot;

use crate::world;

fn assert_send<T: Send>(value: T) -> T {
    value
}

/// A database that answers later.
async fn price(sku: &str) -> u32 {
    tokio::task::yield_now().await;
    u32::try_from(sku.len()).unwrap()
}

/// A handler of axum must be `Send`. The closure captures by value: the compiler cannot see that a future of a closure
/// that captures references is `Send`.
async fn handler(mut session: Session, skus: Vec<String>) -> Result<u32, Error> {
    let tax = 1;
    session
        .transaction_async(async move |session: &mut Session| {
            let n = session.get::<u32>("n")?.unwrap_or_default();
            let total = n + price(&skus[0]).await + tax;
            session.set("total", total)?;
            Ok(total)
        })
        .await
}

#[tokio::test]
async fn the_future_is_send_so_that_a_handler_can_be_spawned() {
    let world = world();
    let (session, other) = world.two_requests().await;
    let id = *session.id();
    assert_eq!(tokio::spawn(assert_send(handler(session, vec!["sku".into()]))).await.unwrap().unwrap(), 5);
    assert_eq!(assert_send(handler(other, vec!["sku".into()])).await.unwrap(), 5);
    assert_eq!(world.sessions.open(&id).await.unwrap().get::<u32>("total").unwrap(), Some(5));
}

#[tokio::test]
async fn the_closure_runs_again_on_the_new_state() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.set("kept", true).unwrap();
    let mut runs = 0;
    let result = a
        .transaction_async(async |session: &mut Session| {
            runs += 1;
            let n = session.get::<u32>("n")?.unwrap();
            session.set(&format!("run-{runs}"), n)?;
            if runs == 1 {
                b.set("n", 5u32)?;
                b.commit().await?;
            }
            Ok(n)
        })
        .await;
    assert_eq!((result.unwrap(), runs), (5, 2));
    let now = world.sessions.open(a.id()).await.unwrap();
    assert!(now.contains("kept") && !now.contains("run-1"));
    assert_eq!(now.get::<u32>("run-2").unwrap(), Some(5));
}

#[tokio::test]
async fn a_closure_that_fails_or_is_dropped_records_nothing() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("kept", true).unwrap();
    let before = session.pending().clone();
    let failing = session.transaction_async(async |session: &mut Session| {
        session.set("lost", true)?;
        price("sku").await;
        Err::<(), _>(Error::new(ErrorKind::InvalidInput, "sold out"))
    });
    assert_eq!(failing.await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(*session.pending(), before);

    let (never, waiting) = oneshot::channel::<()>();
    let mut waiting = Some(waiting);
    let mut dropped = Box::pin(session.transaction_async(async |session: &mut Session| {
        session.set("lost", true)?;
        waiting.take().unwrap().await.ok();
        Ok(())
    }));
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(dropped.as_mut().poll(cx).is_pending())).await);
    drop(dropped);
    drop(never);
    assert_eq!(*session.pending(), before);
    session.commit().await.unwrap();
    assert!(!world.sessions.open(session.id()).await.unwrap().contains("lost"));
}

fn sold_out() -> Error {
    Error::new(ErrorKind::InvalidInput, "sold out")
}

/// Recorded again, it would undo what another request has changed since.
#[tokio::test]
async fn what_the_closure_has_sent_is_not_recorded_again() {
    for fault in [None, Some(Fault::LoseAnswer), Some(Fault::LoseRequest)] {
        let world = world();
        let (mut session, mut other) = world.two_requests().await;
        session.set("kept", 1u32).unwrap();
        if let Some(fault) = fault {
            world.store.inject(Target::Write, fault);
        }
        let failing = session.transaction_async(async |session: &mut Session| {
            session.set("sent", true)?;
            let committed = session.commit().await;
            session.set("lost", true)?;
            committed?;
            Err::<(), _>(sold_out())
        });
        failing.await.unwrap_err();
        assert!(session.pending().is_empty(), "{fault:?}");
        session.commit().await.unwrap();
        other.set("kept", 2u32).unwrap();
        other.commit().await.unwrap();
        session.commit().await.unwrap();
        let now = world.sessions.open(session.id()).await.unwrap();
        assert_eq!(now.get::<u32>("kept").unwrap(), Some(2), "{fault:?}");
        assert!(now.contains("sent") && !now.contains("lost"), "{fault:?}");
    }
}

/// A commit that was refused has sent nothing, so what was recorded before the closure ran is recorded as before.
#[tokio::test]
async fn what_the_closure_could_not_send_is_recorded_as_before() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("kept", true).unwrap();
    let before = session.pending().clone();
    world.store.inject(Target::Write, Fault::Fail(ErrorKind::Unavailable));
    world.store.inject(Target::Write, Fault::LoseRequest);
    let failing = session.transaction_async(async |session: &mut Session| {
        session.set("lost", true)?;
        session.commit().await.unwrap_err();
        session.update("n", |n: u32| n + 1).await
    });
    assert_eq!(failing.await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(*session.pending(), before);
    session.commit().await.unwrap();
    let now = world.sessions.open(session.id()).await.unwrap();
    assert!(now.contains("kept") && !now.contains("lost"));
    assert_eq!(now.get::<u32>("n").unwrap(), Some(2));
}

#[tokio::test]
async fn a_run_after_a_conflict_does_not_send_again_what_an_earlier_one_has_sent() {
    let world = world();
    let (mut session, mut other) = world.two_requests().await;
    session.set("kept", 1u32).unwrap();
    let mut runs = 0;
    let result = session
        .transaction_async(async |session: &mut Session| {
            runs += 1;
            if runs == 1 {
                session.commit().await?;
                other.set("kept", 2u32)?;
                other.commit().await?;
            }
            session.set(&format!("run-{runs}"), true)
        })
        .await;
    result.unwrap();
    assert_eq!(runs, 2);
    let now = world.sessions.open(session.id()).await.unwrap();
    assert_eq!(now.get::<u32>("kept").unwrap(), Some(2));
    assert!(!now.contains("run-1") && now.contains("run-2"));
}

/// After the end, reads find nothing.
#[tokio::test]
async fn a_closure_that_ends_the_session_and_fails_restores_nothing() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    session.set("kept", 1u32).unwrap();
    let failing = session.transaction_async(async |session: &mut Session| {
        session.destroy().await?;
        Err::<(), _>(sold_out())
    });
    failing.await.unwrap_err();
    assert!(!session.has_changes() && session.state().is_empty());
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_by_the_next_commit() {
    let world = world();
    let (mut session, _) = world.two_requests().await;
    world.store.inject(Target::Write, Fault::LoseAnswer);
    let add = async |session: &mut Session| {
        let n = session.get::<u32>("n")?.unwrap() + price("a").await;
        session.set("n", n)
    };
    assert_eq!(session.transaction_async(add).await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    session.commit().await.unwrap();
    assert_eq!(world.sessions.open(session.id()).await.unwrap().get::<u32>("n").unwrap(), Some(2));
}
