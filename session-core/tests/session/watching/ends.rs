//! The ends of a watch.

use std::sync::{Mutex, atomic::Ordering};

use session_core::{
    Error, ErrorKind, LoadOptions, Principal, SessionCap, SignIn,
    store::{self, ChangeFeed, FeedItem, GapCause, SessionStore},
};

use super::{tapped::Moment, *};

fn principal() -> Principal {
    Principal::new("user-7").unwrap()
}

fn sign_in() -> Rotate {
    Rotate::privilege().with_sign_in(SignIn::new(principal()))
}

#[tokio::test]
async fn a_watch_completes_with_the_reason() {
    let watched = watched();
    let other = watched.other();
    let (mut first, mut second) = (watched.session().await, watched.session().await);
    let _ = first.rotate(sign_in()).await.unwrap();
    let logout = watched.watch(second.id()).await;
    let limit = watched.watch(first.id()).await;
    other.destroy(second.id()).await.unwrap();
    let capped = SignIn::new(principal()).with_cap(SessionCap::EndOldest(1));
    second = watched.session().await;
    let _ = second.rotate(Rotate::privilege().with_sign_in(capped)).await.unwrap();
    let revoked = watched.watch(second.id()).await;
    assert_eq!(other.revoke_all(&principal()).await.unwrap(), 1);
    assert_eq!(end(logout).await, ended(EndReason::Logout));
    assert_eq!(end(limit).await, ended(EndReason::Limit));
    assert_eq!(end(revoked).await, ended(EndReason::Revoked));
}

#[tokio::test]
async fn a_watch_follows_the_session_through_every_rotation() {
    let watched = watched();
    let mut session = watched.session().await;
    let mut watch = watched.watch(session.id()).await;
    for rotate in [Rotate::renew(), sign_in(), Rotate::renew(), Rotate::privilege()] {
        let _ = session.rotate(rotate).await.unwrap();
        watched.delivered().await;
        assert!(is_pending(&mut watch));
    }
    watched.other().destroy(session.id()).await.unwrap();
    assert_eq!(end(watch).await, ended(EndReason::Logout));
}

#[tokio::test]
async fn an_old_id_leads_to_the_session() {
    let watched = watched();
    let mut session = watched.session().await;
    let old = *session.id();
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    let watch = watched.watch(&old).await;
    session.destroy().await.unwrap();
    assert_eq!(end(watch).await, ended(EndReason::Logout));
}

#[tokio::test]
async fn a_session_that_is_gone_completes_its_watch_at_once() {
    let watched = watched();
    let (mut gone, mut stepped_up) = (watched.session().await, watched.session().await);
    let old = *stepped_up.id();
    gone.destroy().await.unwrap();
    let _ = stepped_up.rotate(Rotate::privilege()).await.unwrap();
    for (id, end) in [
        (*gone.id(), ended(EndReason::Logout)),
        (SessionId::generate().unwrap(), WatchEnd::NotFound),
        (old, WatchEnd::Superseded),
    ] {
        let mut watch = watched.watch(&id).await;
        for _ in 0..2 {
            assert_eq!(poll_with(&mut watch, &Arc::default()), Poll::Ready(end));
        }
    }
}

/// The session ends while the watch loads it.
#[tokio::test]
async fn an_end_during_the_load_is_not_missed() {
    for moment in [Moment::Before, Moment::After] {
        let watched = watched();
        let session = watched.session().await;
        let (other, id) = (watched.other(), *session.id());
        watched.store.interfere(moment, move || {
            let other = other.clone();
            async move { other.destroy(&id).await.unwrap() }
        });
        assert_eq!(end(watched.watch(&id).await).await, ended(EndReason::Logout));
    }
}

/// The session moves while the watch loads it.
#[tokio::test]
async fn a_rotation_during_the_load_is_followed() {
    for moment in [Moment::Before, Moment::After] {
        let watched = watched();
        let (session, other) = (watched.session().await, watched.other());
        let (id, new_id) = (*session.id(), Arc::new(Mutex::new(None)));
        let moved = new_id.clone();
        watched.store.interfere(moment, move || {
            let (other, moved) = (other.clone(), moved.clone());
            async move {
                let mut session = other.open(&id).await.unwrap();
                let _ = session.rotate(Rotate::renew()).await.unwrap();
                *moved.lock().unwrap() = Some(*session.id());
            }
        });
        let watch = watched.watch(&id).await;
        let new_id = new_id.lock().unwrap().unwrap();
        watched.other().destroy(&new_id).await.unwrap();
        assert_eq!(end(watch).await, ended(EndReason::Logout));
    }
}

#[tokio::test]
async fn changes_of_others_wake_no_watcher() {
    let watched = watched();
    let (mut session, mut other) = (watched.session().await, watched.session().await);
    let mut watch = watched.watch(session.id()).await;
    let wakes = Arc::new(Wakes::default());
    assert!(poll_with(&mut watch, &wakes).is_pending());
    for n in 0..20 {
        other.set("n", n).unwrap();
        other.commit().await.unwrap();
        session.set("n", n).unwrap();
        session.commit().await.unwrap();
    }
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    other.destroy().await.unwrap();
    watched.delivered().await;
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
    assert!(is_pending(&mut watch));
}

#[tokio::test]
async fn a_gap_ends_the_watches_of_its_partition() {
    let watched = watched();
    let feed = watched.store.feed().unwrap();
    let partition = |id: &SessionId| id.digest().partition() & (feed.partitions() - 1) as u16;
    let session = watched.session().await;
    let elsewhere = loop {
        let other = watched.session().await;
        if partition(other.id()) != partition(session.id()) {
            break other;
        }
    };
    let (watch, mut spared) = (watched.watch(session.id()).await, watched.watch(elsewhere.id()).await);
    watched.store.send(&FeedItem::Gap(Some(partition(session.id())), GapCause::Missed));
    assert_eq!(end(watch).await, WatchEnd::Interrupted(Some(GapCause::Missed)));
    assert!(is_pending(&mut spared));
    let watch = watched.watch(session.id()).await;
    watched.store.test_store.interrupt_feed();
    assert_eq!(end(watch).await, WatchEnd::Interrupted(Some(GapCause::Reconnected)));
    assert_eq!(end(spared).await, WatchEnd::Interrupted(Some(GapCause::Reconnected)));
}

/// The next watch subscribes again.
#[tokio::test]
async fn the_end_of_the_feed_ends_all_watches() {
    let watched = watched();
    let session = watched.session().await;
    for subscribes in 1..=3 {
        let watch = watched.watch(session.id()).await;
        assert_eq!(watched.store.subscribes(), subscribes);
        watched.store.end_feed();
        assert_eq!(end(watch).await, WatchEnd::Interrupted(None));
    }
}

#[tokio::test]
async fn a_stream_that_panics_ends_all_watches() {
    let watched = watched();
    let session = watched.session().await;
    let watch = watched.watch(session.id()).await;
    watched.store.send(&tapped::PANIC);
    assert_eq!(end(watch).await, WatchEnd::Interrupted(None));
    watched.delivered().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_an_error() {
    let watched = watched();
    let session = watched.session().await;
    watched.store.test_store.set_down(true);
    assert_eq!(watched.sessions.watch(session.id()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    watched.store.test_store.set_down(false);
    watched.delivered().await;
    in_time(watched.store.unsubscribed.notified()).await;
    watched.sessions.close().await.unwrap();
    assert_eq!(watched.sessions.watch(session.id()).await.unwrap_err().kind(), ErrorKind::Configuration);
}

#[derive(Debug)]
struct Feedless(MemoryStore);

#[store::async_trait]
impl SessionStore for Feedless {
    store::forward!(self => self.0; backend, limits, create, load, apply, touch, rotate, destroy, check, close, clock, index, lock);

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        None
    }
}

#[tokio::test]
async fn a_store_without_a_feed_is_a_configuration_error() {
    let sessions = Sessions::new(Feedless(MemoryStore::new()));
    let mut session = sessions.create().unwrap();
    session.persist().await.unwrap();
    let error: Error = sessions.watch(session.id()).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Configuration, Some("watch")));
    assert!(sessions.open_with(session.id(), LoadOptions::default()).await.is_ok());
}
