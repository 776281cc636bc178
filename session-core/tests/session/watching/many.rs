//! Many watches at once: one subscription, no lost wake-ups, and no watcher that delays another.

use std::{future::poll_fn, pin::Pin, sync::atomic::Ordering, time::Duration};

use session_core::{Clock, ErrorKind, model::Timestamp};
use tokio::task::JoinSet;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_watches_share_one_subscription() {
    let watched = Arc::new(watched());
    watched.store.close_gate();
    let session = watched.session().await;
    let mut tasks = JoinSet::new();
    for _ in 0..10_000 {
        let (sessions, id) = (watched.sessions.clone(), *session.id());
        tasks.spawn(async move { Some(sessions.watch(&id).await.unwrap()) });
    }
    while watched.store.subscribes() == 0 {
        tokio::task::yield_now().await;
    }
    watched.store.open_gate();
    let watches = in_time(tasks.join_all()).await;
    assert_eq!((watched.store.subscribes(), watched.store.test_store.inner().stats().subscribers), (1, 1));
    drop(watches);
    in_time(watched.store.unsubscribed.notified()).await;
    watched.delivered().await;
    assert_eq!(watched.store.subscribes(), 2, "the last watch ended the first subscription");
}

/// The caller that began to subscribe is dropped, or is not polled any more.
#[tokio::test]
async fn a_caller_that_is_not_polled_does_not_keep_others_waiting() {
    for is_dropped in [true, false] {
        let watched = watched();
        watched.store.close_gate();
        let session = watched.session().await;
        let mut first = Box::pin(watched.sessions.watch(session.id()));
        let mut second = Box::pin(watched.sessions.watch(session.id()));
        let wakes = [Arc::new(Wakes::default()), Arc::default()];
        assert!(first.as_mut().poll(&mut Context::from_waker(&wakes[0].clone().into())).is_pending());
        assert!(second.as_mut().poll(&mut Context::from_waker(&wakes[1].clone().into())).is_pending());
        let kept = if is_dropped {
            drop(first);
            None
        } else {
            Some(first)
        };
        watched.store.open_gate();
        assert!(wakes[1].0.load(Ordering::SeqCst) > 0);
        let watch = in_time(second).await.unwrap();
        assert_eq!(watched.store.subscribes(), 1);
        watched.sessions.destroy(session.id()).await.unwrap();
        assert_eq!(end(watch).await, ended(EndReason::Logout));
        if let Some(first) = kept {
            assert_eq!(end(first.await.unwrap()).await, ended(EndReason::Logout));
        }
    }
}

/// A poll may complete the attempt before the attempt has called a waker. Then it never calls one.
#[tokio::test]
async fn the_caller_that_subscribes_wakes_the_others() {
    let watched = watched();
    watched.store.is_held.store(true, Ordering::SeqCst);
    let session = watched.session().await;
    let mut first = Box::pin(watched.sessions.watch(session.id()));
    let mut second = Box::pin(watched.sessions.watch(session.id()));
    let wakes = Arc::new(Wakes::default());
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(second.as_mut().poll(&mut Context::from_waker(&wakes.clone().into())).is_pending());
    watched.store.is_held.store(false, Ordering::SeqCst);
    let _watch = in_time(first).await.unwrap();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    let _watch = in_time(second).await.unwrap();
    assert_eq!(watched.store.subscribes(), 1);
}

/// The attempt to subscribe is dropped with its last caller.
#[tokio::test]
async fn an_attempt_to_subscribe_ends_with_its_callers() {
    let watched = watched();
    watched.store.close_gate();
    let session = watched.session().await;
    for attempts in 1..=3 {
        let mut caller = Box::pin(watched.sessions.watch(session.id()));
        assert!(caller.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(watched.store.subscribes(), attempts);
    }
}

#[tokio::test]
async fn a_failure_to_subscribe_reaches_every_caller_and_the_next_one_tries_again() {
    let watched = watched();
    watched.store.close_gate();
    let session = watched.session().await;
    let mut callers: Vec<_> = (0..100).map(|_| Box::pin(watched.sessions.watch(session.id()))).collect();
    for caller in &mut callers {
        assert!(caller.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    watched.store.test_store.set_down(true);
    watched.store.open_gate();
    // One is not polled until later.
    let late = callers.pop().unwrap();
    for caller in callers {
        assert_eq!(in_time(caller).await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert_eq!(watched.store.subscribes(), 1);
    watched.store.test_store.set_down(false);
    watched.delivered().await;
    assert_eq!(late.await.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// Watches that were polled once, by tasks that never run again, delay no other watch. Tried on both kinds of runtime.
#[test]
fn a_watcher_that_is_busy_holds_up_no_other() {
    let one = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    for runtime in [one, two] {
        runtime.block_on(async {
            let watched = watched();
            let session = watched.session().await;
            let mut busy = Vec::new();
            for _ in 0..100 {
                let mut watch = watched.watch(session.id()).await;
                assert!(is_pending(&mut watch));
                busy.push(watch);
            }
            let watch = watched.watch(session.id()).await;
            let id = *session.id();
            let (sessions, waiting) = (watched.other(), tokio::spawn(watch));
            sessions.destroy(&id).await.unwrap();
            assert_eq!(in_time(waiting).await.unwrap(), ended(EndReason::Logout));
            assert!(busy.iter_mut().all(|watch| !is_pending(watch)));
        });
    }
}

/// Tasks begin and drop watches at random moments while sessions end and the feed breaks. Every watch of an ended session
/// completes, and the runtime does not hang.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_end_is_lost_among_watches_that_come_and_go() {
    let watched = Arc::new(watched());
    for round in 0..40u64 {
        let mut tasks = JoinSet::new();
        for n in 0..8u64 {
            let mut session = watched.session().await;
            for turn in 0..8u64 {
                let (watched, id) = (watched.clone(), *session.id());
                tasks.spawn(async move { until_ended(&watched, &id, round ^ (n << 3 | turn)).await });
            }
            let watched = watched.clone();
            tasks.spawn(async move {
                yields(n * round % 7).await;
                let _ = session.rotate(Rotate::renew()).await.unwrap();
                yields(n).await;
                match (round + n) % 5 {
                    0 => watched.store.end_feed(),
                    1 => watched.store.test_store.interrupt_feed(),
                    _ => {}
                }
                session.destroy().await.unwrap();
            });
        }
        in_time(tasks.join_all()).await;
    }
    assert!(watched.store.subscribes() > 40);
}

async fn yields(count: u64) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

/// Watches a session until it has ended. Sometimes drops the watch after a poll and starts another one.
async fn until_ended(watched: &Watched, id: &SessionId, mut luck: u64) {
    loop {
        luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        yields(luck >> 61).await;
        let mut watch = watched.watch(id).await;
        if luck >> 32 & 3 == 0 {
            let _ = poll_fn(|cx| Poll::Ready(pin!(&mut watch).poll(cx))).await;
            continue;
        }
        match end(watch).await {
            WatchEnd::Ended(_) => return,
            WatchEnd::Interrupted(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A clock whose timers keep no waker, so that the watch alone keeps it.
#[derive(Debug)]
struct Timeless;

impl Clock for Timeless {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1)
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

/// The last clone of a waker may own another watch.
#[tokio::test]
async fn a_waker_that_is_replaced_or_dropped_may_drop_another_watch() {
    struct Owner(#[expect(dead_code, reason = "it is only dropped")] std::sync::Mutex<Watch>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }
    let watched = watched();
    let session = watched.session().await;
    let sessions = Sessions::builder(watched.store.clone()).clock(Timeless).build();
    let mut outer = sessions.watch(session.id()).await.unwrap();
    for _ in 0..3 {
        let inner = sessions.watch(session.id()).await.unwrap();
        let waker = Waker::from(Arc::new(Owner(std::sync::Mutex::new(inner))));
        assert!(pin!(&mut outer).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(outer);
    in_time(watched.store.unsubscribed.notified()).await;
}

/// The documentation of `Sessions::watch` states this size. It counts the future, its slot and its timer.
#[test]
fn a_watch_takes_less_than_a_kibibyte() {
    const COUNT: usize = 1_000;
    let sessions = Sessions::new(MemoryStore::new());
    let ready = |id: &SessionId| match pin!(sessions.watch(id)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(watch) => watch.unwrap(),
        Poll::Pending => panic!("the memory store answers at once"),
    };
    let ids: Vec<SessionId> = (0..=COUNT)
        .map(|_| {
            let mut session = sessions.create().unwrap();
            assert!(pin!(session.persist()).poll(&mut Context::from_waker(Waker::noop())).is_ready());
            *session.id()
        })
        .collect();
    let mut watches = Vec::with_capacity(COUNT);
    let _first = ready(&ids[COUNT]);
    let allocated = allocation_counter::measure(|| {
        for id in &ids[..COUNT] {
            let mut watch = ready(id);
            assert!(is_pending(&mut watch));
            watches.push(watch);
        }
    });
    let bytes = size_of::<Watch>() + usize::try_from(allocated.bytes_current).unwrap() / COUNT;
    println!("a watch: {bytes} bytes, {} of them in its future", size_of::<Watch>());
    assert!(bytes < 1_024, "{bytes} bytes");
}
