//! A handle of a WebSocket outlives the renewals of its session.

use std::time::Duration;

use session_core::{EndReason, ErrorKind, Principal, Rotate, Rotated, SignIn, Watch, defaults, model::IdDigest};

use crate::world;

/// A thread reads the feed, so the watch learns of the move a moment later.
async fn wait_for_move(watch: &Watch, to: &IdDigest) {
    let moved = async {
        while watch.moved_to() != Some(*to) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), moved).await.unwrap();
}

#[tokio::test]
async fn a_handle_learns_that_its_session_has_moved_and_not_ended() {
    let world = world();
    let (mut socket, mut page) = world.two_requests().await;
    let watch = world.sessions.watch(socket.id()).await.unwrap();
    assert_eq!(watch.moved_to(), None);
    let _ = page.rotate(Rotate::renew()).await.unwrap();
    wait_for_move(&watch, page.id().digest()).await;
    socket.set("n", 2u32).unwrap();
    socket.commit().await.unwrap();
    assert!(!socket.has_moved() && !socket.is_ended(), "the old id still gives access");

    world.sessions.open(page.id()).await.unwrap();
    world.clock.advance(defaults::ROTATION_GRACE);
    socket.set("n", 3u32).unwrap();
    let error = socket.commit().await.unwrap_err();
    assert_eq!((error.kind(), error.ended().unwrap().reason), (ErrorKind::NotFound, EndReason::Renewed));
    assert!(error.to_string().contains("the session continues at the new one"), "{error}");
    assert!(socket.has_moved() && !socket.is_ended());
    assert_eq!(socket.refresh().await.unwrap_err().ended().unwrap().reason, EndReason::Renewed);
    assert_eq!(socket.touch().await.unwrap_err().ended().unwrap().reason, EndReason::Renewed);
    assert!(socket.has_moved());
    assert_eq!(world.sessions.open(page.id()).await.unwrap().get::<u32>("n").unwrap(), Some(2));

    // Once the store has forgotten the renewal, the watch alone knows. It has not ended.
    let sign_in = SignIn::new(Principal::new("ada").unwrap());
    let _ = page.rotate(Rotate::privilege().with_sign_in(sign_in)).await.unwrap();
    wait_for_move(&watch, page.id().digest()).await;
    page.destroy().await.unwrap();
    assert!(matches!(watch.await, session_core::WatchEnd::Ended(_)));
}

#[tokio::test]
async fn a_step_up_elsewhere_is_a_move_too() {
    let world = world();
    let (mut socket, mut page) = world.two_requests().await;
    let _ = page.rotate(Rotate::privilege()).await.unwrap();
    assert_eq!(socket.refresh().await.unwrap_err().kind(), ErrorKind::Superseded);
    assert!(socket.has_moved() && !socket.is_ended());
    assert_eq!(socket.rotate(Rotate::renew()).await.unwrap(), Rotated::AlreadyRotated);
    assert!(socket.has_moved(), "a rotation that comes second does not say where the session is");
    page.destroy().await.unwrap();
    assert!(page.is_ended() && !page.has_moved());
}
