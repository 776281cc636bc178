//! Each fault, as the caller and the store see it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::poll;
use pollster::block_on;
use session_core::{
    ErrorKind, Expiry, LoadOptions, Principal, SessionId, Sessions, WatchEnd,
    store::{CreateOutcome, FeedItem, GapCause, LoadOutcome, NewSession, SessionStore as _},
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
        store.pass_next(Target::Any);
        store.fail_next(ErrorKind::Unavailable);
        assert!(load().await.is_none(), "a read is no write, and the next call of any kind passes");
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
        let (feed, inner) = (store.feed().unwrap(), store.inner().feed().unwrap());
        assert_eq!((feed.origin(), feed.partitions()), (inner.origin(), inner.partitions()));
        store.set_down(true);
        let error = store.feed().unwrap().subscribe().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(store.take_calls(), [Call::Subscribe]);
    });
}

/// What an application does when changes may have been missed: it watches again, and learns of the end.
#[test]
fn an_interruption_of_the_feed_ends_every_watch() {
    block_on(async {
        let store = store();
        let sessions = Sessions::new(store.clone());
        let mut session = sessions.create().unwrap();
        session.persist().await.unwrap();
        let first = sessions.watch(session.id()).await.unwrap();
        let second = sessions.watch(session.id()).await.unwrap();
        store.interrupt_feed();
        let interrupted = WatchEnd::Interrupted(Some(GapCause::Reconnected));
        assert_eq!((first.await, second.await), (interrupted, interrupted));
        let mut again = sessions.watch(session.id()).await.unwrap();
        assert!(poll!(&mut again).is_pending(), "one interruption only");
        session.destroy().await.unwrap();
        assert!(matches!(again.await, WatchEnd::Ended(_)));
        store.interrupt_feed();
    });
}

/// The task that waits for the next change is woken.
#[test]
fn an_interruption_wakes_its_subscriber() {
    let store = store();
    let mut subscription = block_on(store.feed().unwrap().subscribe()).unwrap();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let (mut cx, mut next) = (Context::from_waker(&waker), pin!(subscription.next()));
    assert!(next.as_mut().poll(&mut cx).is_pending());
    store.interrupt_feed();
    assert!(woken.0.load(Relaxed));
    assert_eq!(next.poll(&mut cx), Poll::Ready(Some(FeedItem::Gap(None, GapCause::Reconnected))));
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}
