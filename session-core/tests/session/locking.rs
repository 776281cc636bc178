//! Locks through the typed layer.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use session_core::{ErrorKind, Rotate, store::ConflictCause};

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
