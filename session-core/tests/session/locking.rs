//! Locks through the typed layer.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use session_core::{ErrorKind, Rotate, store::ConflictCause};
use session_test::Call;

use crate::world;

const LEASE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_lost_lock_fails_guarded_commits() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    let first = a.lock(LEASE, Duration::ZERO).await.unwrap();
    assert_eq!(b.lock(LEASE, Duration::ZERO).await.unwrap_err().kind(), ErrorKind::Conflict);
    a.set("n", 2u32).unwrap();
    a.commit().await.unwrap();
    world.clock.advance(LEASE);
    let second = b.lock(LEASE, Duration::ZERO).await.unwrap();
    assert!(second.counter > first.counter);
    a.set("n", 3u32).unwrap();
    let error = a.commit().await.unwrap_err();
    assert_eq!((error.kind(), error.conflict().unwrap().cause), (ErrorKind::Conflict, ConflictCause::Lock));
    assert_eq!(a.update("n", |n: u32| n + 1).await.unwrap(), 4, "its own, recorded; nothing is sent");
    assert_eq!(a.renew_lock(LEASE).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(a.unlock().await.unwrap_err().kind(), ErrorKind::Conflict);
    a.commit().await.unwrap();
    b.renew_lock(LEASE).await.unwrap();
    b.unlock().await.unwrap();
    a.lock(LEASE, Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_waiter_gets_the_lock_when_it_is_free_and_times_out() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.lock(LEASE, Duration::ZERO).await.unwrap();
    {
        let mut waiting = pin!(b.lock(LEASE, Duration::from_secs(2)));
        let mut cx = Context::from_waker(Waker::noop());
        let mut steps = 0;
        let error = loop {
            match waiting.as_mut().poll(&mut cx) {
                Poll::Ready(result) => break result.unwrap_err(),
                Poll::Pending => world.clock.advance(Duration::from_millis(10)),
            }
            steps += 1;
        };
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!((200..300).contains(&steps), "{steps}");
    }
    let mut waiting = pin!(b.lock(LEASE, Duration::from_secs(60)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    a.unlock().await.unwrap();
    let token = loop {
        match waiting.as_mut().poll(&mut cx) {
            Poll::Ready(result) => break result.unwrap(),
            Poll::Pending => world.clock.advance(Duration::from_millis(10)),
        }
    };
    assert_eq!(token.counter, 2);
}

#[tokio::test]
async fn a_dropped_handle_and_a_close_release_their_locks() {
    let world = world();
    let (mut a, mut b) = world.two_requests().await;
    a.lock(LEASE, Duration::ZERO).await.unwrap();
    drop(a);
    b.lock(LEASE, Duration::ZERO).await.unwrap();
    let _ = b.rotate(Rotate::renew()).await.unwrap();
    world.sessions.close().await.unwrap();
    let other = session_core::Sessions::new(world.store.clone());
    other.open(b.id()).await.unwrap().lock(LEASE, Duration::ZERO).await.unwrap();
}

/// The waiters of one process share one request, so however many there are, the store sees those of one.
#[tokio::test]
async fn a_thousand_waiters_send_no_more_than_one_and_only_64_wait() {
    let world = world();
    let (mut holder, _) = world.two_requests().await;
    let id = *holder.id();
    holder.lock(LEASE, Duration::ZERO).await.unwrap();
    let others = session_core::Sessions::new(world.store.clone());
    let mut handles = Vec::new();
    for _ in 0..1_000 {
        handles.push(others.open(&id).await.unwrap());
    }
    world.store.take_calls();
    let wait = Duration::from_secs(1);
    let mut waiting: Vec<_> = handles.iter_mut().map(|handle| Box::pin(handle.lock(LEASE, wait))).collect();
    let (mut overloaded, mut conflicts) = (0, 0);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..200 {
        waiting.retain_mut(|lock| match lock.as_mut().poll(&mut cx) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                match result.unwrap_err().kind() {
                    ErrorKind::Overloaded => overloaded += 1,
                    ErrorKind::Conflict => conflicts += 1,
                    other => panic!("{other:?}"),
                }
                false
            }
        });
        world.clock.advance(Duration::from_millis(10));
    }
    let calls = world.store.take_calls().into_iter().filter(|call| *call == Call::Lock).count();
    // One at once, one in each 100 ms, and one at the end of the wait.
    assert!((5..=12).contains(&calls), "{calls} calls");
    assert_eq!((waiting.len(), overloaded, conflicts), (0, 1_000 - 64, 64));
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn waiters_of_one_process_get_the_lock_in_order() {
    let world = world();
    let (mut holder, mut first) = world.two_requests().await;
    let mut second = world.sessions.open(holder.id()).await.unwrap();
    holder.lock(LEASE, Duration::ZERO).await.unwrap();
    let wait = Duration::from_secs(60);
    let (mut earlier, mut waits) = (pin!(first.lock(LEASE, wait)), pin!(second.lock(LEASE, wait)));
    assert!(poll(earlier.as_mut()).is_pending() && poll(waits.as_mut()).is_pending());
    let mut third = world.sessions.open(holder.id()).await.unwrap();
    let error = third.lock(LEASE, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "without a wait, behind others");
    holder.unlock().await.unwrap();
    world.store.take_calls();
    assert!(poll(waits.as_mut()).is_pending());
    assert_eq!(world.store.take_calls(), [], "it is not the first");
    world.clock.advance(Duration::from_secs(1));
    while poll(earlier.as_mut()).is_pending() {
        world.clock.advance(Duration::from_millis(10));
    }
    assert!(poll(waits.as_mut()).is_pending());
    world.clock.advance(LEASE);
    loop {
        match poll(waits.as_mut()) {
            Poll::Ready(result) => break assert_eq!(result.unwrap().counter, 3),
            Poll::Pending => world.clock.advance(Duration::from_millis(10)),
        }
    }
}

/// A waiter that gives up in front of others wakes the next one, which otherwise would not ask the store before the end
/// of its wait.
#[tokio::test]
async fn a_waiter_that_gives_up_wakes_the_next() {
    let world = world();
    let (mut holder, mut first) = world.two_requests().await;
    let mut second = world.sessions.open(holder.id()).await.unwrap();
    holder.lock(LEASE, Duration::ZERO).await.unwrap();
    let wait = Duration::from_secs(60);
    let mut gives_up = Box::pin(first.lock(LEASE, wait));
    assert!(poll(gives_up.as_mut()).is_pending());
    let waits = tokio::spawn(async move { second.lock(LEASE, wait).await });
    tokio::task::yield_now().await;
    world.store.take_calls();
    drop(gives_up);
    tokio::task::yield_now().await;
    assert_eq!(world.store.take_calls(), [Call::Lock]);
    holder.unlock().await.unwrap();
    while !waits.is_finished() {
        world.clock.advance(Duration::from_millis(10));
        tokio::task::yield_now().await;
    }
    assert_eq!(waits.await.unwrap().unwrap().counter, 2);
}

/// A handle whose lock request has an unknown outcome may hold the lock that the others wait for.
#[tokio::test]
async fn a_lock_of_unknown_outcome_is_found_again_in_front_of_the_waiters() {
    let world = world();
    let (mut unknown, mut other) = world.two_requests().await;
    world.store.lose_next_answer();
    assert_eq!(unknown.lock(LEASE, Duration::ZERO).await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    let mut waits = pin!(other.lock(LEASE, Duration::from_secs(60)));
    assert!(poll(waits.as_mut()).is_pending());
    assert_eq!(unknown.lock(LEASE, Duration::ZERO).await.unwrap().counter, 1);
}
