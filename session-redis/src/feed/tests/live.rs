//! Against a real server: the normal case, and errors in the stream itself.

use std::time::Duration;

use session_core::{
    ErrorKind,
    store::{ChangeFeed as _, FeedItem, GapCause},
};
use session_testkit::Server;

use super::{
    super::FeedOptions,
    rig::{Named, PARTITIONS, Rig, feed, next, unasked},
};

#[tokio::test]
async fn changes_come_in_order_and_a_barrier_behind_them() {
    let mut rig = Rig::new().await;
    for sequence in 1..=200 {
        for partition in 0..PARTITIONS {
            rig.publish(partition, sequence).await;
        }
    }
    let id = rig.barrier(3).await.unwrap();
    for sequence in 1..=200 {
        for partition in 0..PARTITIONS {
            rig.expect_change(partition, sequence).await;
        }
    }
    assert_eq!(rig.next().await, FeedItem::Barrier(3, id));
    rig.expect_silence(4).await;
}

#[tokio::test]
async fn changes_before_the_subscription_are_not_received() {
    let server = Server::start().await;
    super::rig::publish(&server, 0, 41).await;
    let source = Named::one(&server.addr().to_string());
    let mut rig = Rig::of(server, source, unasked()).await;
    rig.expect_silence(0).await;
    rig.publish(0, 42).await;
    rig.expect_change(0, 42).await;
}

#[tokio::test]
async fn a_hole_shows_at_the_next_change_or_the_next_barrier() {
    let mut rig = Rig::new().await;
    rig.publish(0, 1).await;
    rig.publish(0, 3).await;
    rig.expect_change(0, 1).await;
    rig.expect_gap(Some(0), GapCause::Missed).await;
    rig.expect_change(0, 3).await;

    rig.set_sequence(0, 4).await;
    let id = rig.barrier(0).await.unwrap();
    rig.expect_gap(Some(0), GapCause::Missed).await;
    assert_eq!(rig.next().await, FeedItem::Barrier(0, id));
    rig.expect_silence(0).await;
}

#[tokio::test]
async fn a_flush_and_a_restore_show() {
    let mut rig = Rig::new().await;
    rig.publish(0, 1_000).await;
    rig.expect_change(0, 1_000).await;
    rig.server.command(&["FLUSHALL"]).await.expect("flush");
    let id = rig.barrier(0).await.unwrap();
    rig.expect_gap(Some(0), GapCause::Missed).await;
    assert_eq!(rig.next().await, FeedItem::Barrier(0, id));

    rig.publish(0, 7).await;
    rig.expect_change(0, 7).await;
    rig.set_sequence(0, 3).await;
    rig.barrier(0).await.unwrap();
    rig.expect_gap(Some(0), GapCause::Missed).await;
}

/// No barriers are requested here: the health check of each connection reads its sequence.
#[tokio::test]
async fn a_flush_shows_without_any_barrier() {
    let options = FeedOptions { health_interval: Duration::from_millis(20), ..FeedOptions::default() };
    let mut rig = Rig::with(options).await;
    rig.publish(5, 1_000).await;
    rig.expect_change(5, 1_000).await;
    rig.server.command(&["FLUSHALL"]).await.expect("flush");
    rig.expect_gap(Some(5), GapCause::Missed).await;
}

#[tokio::test]
async fn garbage_is_a_gap_and_does_no_harm() {
    let mut rig = Rig::new().await;
    rig.publish(0, 1).await;
    rig.expect_change(0, 1).await;
    for garbage in [&b""[..], b"\0", &[0xff; 101], &[1; 5_000]] {
        rig.publish_raw(0, garbage).await;
        rig.expect_gap(Some(0), GapCause::Unreadable).await;
    }
    rig.publish(0, 2).await;
    rig.expect_change(0, 2).await;

    rig.server.command(&["SET", "t:1:{0}:q", "many"]).await.expect("set");
    assert_eq!(rig.barrier(0).await.unwrap_err().kind(), ErrorKind::Configuration);
    rig.expect_gap(Some(0), GapCause::Unreadable).await;
    rig.server.command(&["DEL", "t:1:{0}:q"]).await.expect("delete");
    rig.server.command(&["LPUSH", "t:1:{0}:q", "1"]).await.expect("push");
    assert_eq!(rig.barrier(0).await.unwrap_err().kind(), ErrorKind::Configuration);
    rig.expect_gap(Some(0), GapCause::Unreadable).await;
    rig.expect_silence(1).await;
}

#[tokio::test]
async fn a_slow_subscriber_hears_one_gap_and_the_rest() {
    let options = FeedOptions { queue_items: 32, ..unasked() };
    let mut rig = Rig::with(options).await;
    for sequence in 1..=100 {
        rig.publish(0, sequence).await;
    }
    let id = rig.barrier(0).await.unwrap();
    rig.expect_gap(None, GapCause::Overflow).await;
    let mut rest = Vec::new();
    loop {
        match rig.next().await {
            FeedItem::Change(change) => rest.push(change.sequence),
            FeedItem::Barrier(0, found) if found == id => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(rest.len() < 32, "{rest:?}");
    assert_eq!(rest, (101 - rest.len() as u64..=100).collect::<Vec<_>>(), "the last ones, without a hole");
    rig.publish(0, 101).await;
    rig.expect_change(0, 101).await;
}

#[tokio::test]
async fn unread_barriers_are_refused_in_the_end() {
    let options = FeedOptions { queue_items: 0, ..unasked() };
    let mut rig = Rig::with(options).await;
    let refused = async {
        loop {
            if let Err(error) = rig.barrier(0).await {
                break error;
            }
        }
    };
    assert_eq!(refused.await.kind(), ErrorKind::Overloaded);
    assert!(matches!(rig.next().await, FeedItem::Barrier(0, _)));
    rig.barrier(0).await.unwrap();
}

#[tokio::test]
async fn there_is_no_such_partition() {
    let rig = Rig::new().await;
    assert_eq!(rig.barrier(PARTITIONS).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_dropped_subscription_leaves_no_connection_and_its_barriers_fail() {
    let rig = Rig::new().await;
    let Rig { server, feed: _feed, items } = rig;
    let barriers = items.barriers().clone();
    drop(items);
    let none = async || (server.command(&["CLIENT", "LIST", "TYPE", "pubsub"]).await.text().is_empty()).then_some(());
    server.wait("the subscriber leaves", none).await;
    assert_eq!(barriers.barrier(0).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn the_stream_ends_with_the_store() {
    let mut rig = Rig::new().await;
    rig.publish(0, 1).await;
    rig.expect_change(0, 1).await;
    drop(rig.feed.take());
    assert_eq!(next(&mut rig.items).await, None);
    assert_eq!(rig.barrier(0).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn without_a_server_there_is_no_subscription() {
    let server = Server::start().await;
    server.kill().await;
    let options = FeedOptions { start_deadline: Duration::from_millis(300), ..unasked() };
    let feed = feed(Named::one(&server.addr().to_string()), options);
    assert_eq!(feed.subscribe().await.unwrap_err().kind(), ErrorKind::Unavailable);
}
