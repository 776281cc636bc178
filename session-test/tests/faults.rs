//! Each fault, as the caller and the store see it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use futures_util::{FutureExt as _, poll};
use pollster::block_on;
use session_core::{
    ErrorKind, Expiry, LoadOptions, Principal, SessionId, Sessions,
    store::{CreateOutcome, LoadOutcome, NewSession, SessionStore as _},
};
use session_memory::MemoryStore;
use session_test::{Call, Fault, Target, TestStore};

fn store() -> TestStore<MemoryStore> {
    TestStore::new(MemoryStore::new())
}

fn new() -> NewSession {
    NewSession::generate(Expiry::default()).unwrap()
}

/// What the caller of a create learns, and whether the session exists.
async fn create(store: &TestStore<MemoryStore>) -> (Option<ErrorKind>, bool) {
    let id = SessionId::generate().unwrap();
    let answer = store.create(&id, &new()).await;
    let there = store.inner().load(&id, LoadOptions::default()).await.unwrap();
    (answer.err().map(|error| error.kind()), matches!(there, LoadOutcome::Found(_)))
}

#[test]
fn each_fault_of_a_write() {
    block_on(async {
        let store = store();
        for (fault, answer) in [
            (Fault::None, (None, true)),
            (Fault::Fail(ErrorKind::Overloaded), (Some(ErrorKind::Overloaded), false)),
            (Fault::LoseRequest, (Some(ErrorKind::OutcomeUnknown), false)),
            (Fault::LoseAnswer, (Some(ErrorKind::OutcomeUnknown), true)),
        ] {
            store.inject(Call::Create, fault);
            assert_eq!(create(&store).await, answer, "{fault:?}");
            assert_eq!(create(&store).await, (None, true), "once only");
        }
    });
}

#[test]
fn a_read_that_is_lost_is_unavailable() {
    block_on(async {
        let store = store();
        let id = SessionId::generate().unwrap();
        for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
            store.inject(Call::Load, fault);
            let error = store.load(&id, LoadOptions::default()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
        }
    });
}

#[test]
fn a_call_that_hangs_has_been_executed() {
    block_on(async {
        let store = store();
        let (id, new) = (SessionId::generate().unwrap(), new());
        store.hang_next();
        let mut call = store.create(&id, &new);
        assert!(poll!(&mut call).is_pending() && poll!(&mut call).is_pending());
        drop(call);
        let again = store.create(&id, &new).await.unwrap();
        assert!(matches!(again, CreateOutcome::Created(applied) if applied.repeated));
    });
}

#[test]
fn a_call_takes_the_first_fault_that_can_happen_to_it() {
    block_on(async {
        let store = store();
        let load = || async { store.load(&SessionId::generate().unwrap(), LoadOptions::default()).await.err() };
        store.inject(Target::Write, Fault::Fail(ErrorKind::LimitExceeded));
        store.inject(Target::Any, Fault::None);
        store.fail_next(ErrorKind::Unavailable);
        assert!(load().await.is_none(), "a read is no write, and the next fault is none");
        assert_eq!(load().await.unwrap().kind(), ErrorKind::Unavailable);
        assert!(load().await.is_none());
        assert_eq!(create(&store).await.0, Some(ErrorKind::LimitExceeded));
    });
}

#[test]
fn an_outage_keeps_the_faults_for_later() {
    block_on(async {
        let store = store();
        store.lose_next_answer();
        store.set_down(true);
        assert_eq!(store.check().await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(create(&store).await, (Some(ErrorKind::Unavailable), false));
        store.set_down(false);
        assert_eq!(create(&store).await, (Some(ErrorKind::OutcomeUnknown), true));
    });
}

/// Every capability of the store behind is there, and is counted and disturbed like the store.
#[test]
fn capabilities_are_passed_on() {
    block_on(async {
        let store = store();
        let sessions = Sessions::new(store.clone());
        let ada = Principal::new("ada").unwrap();
        assert_eq!(sessions.list(&ada).await.unwrap(), []);
        store.inject(Call::Revoke, Fault::Fail(ErrorKind::Unavailable));
        assert_eq!(sessions.revoke_all(&ada).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(store.take_calls(), [Call::List, Call::Revoke]);
        assert!(store.lock().is_some() && store.feed().is_some());
        assert!(store.feed().unwrap().subscribe().now_or_never().unwrap().is_ok());
        assert_eq!(store.take_calls(), []);
    });
}
