//! Against real servers: failing connections and servers.

use std::time::Duration;

use session_core::{
    ErrorKind,
    store::{FeedItem, GapCause},
};
use session_testkit::Server;

use super::{
    super::FeedOptions,
    rig::{Named, Rig, publish, set_sequence, unasked},
};

/// Waits for the gap of the new subscription; barriers fail until then, and work from then on.
async fn expect_return(rig: &mut Rig, cause: GapCause) {
    rig.expect_gap(None, cause).await;
    rig.expect_silence(0).await;
}

#[tokio::test]
async fn a_killed_connection_is_two_gaps() {
    let mut rig = Rig::new().await;
    rig.publish(0, 1).await;
    rig.expect_change(0, 1).await;
    rig.server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await.expect("kill");
    rig.expect_gap(None, GapCause::Disconnected).await;
    expect_return(&mut rig, GapCause::Reconnected).await;
    rig.publish(0, 2).await;
    rig.expect_change(0, 2).await;
}

#[tokio::test]
async fn a_connection_that_is_killed_again_and_again_comes_back_each_time() {
    let mut rig = Rig::new().await;
    for _ in 0..4 {
        rig.server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await.expect("kill");
        rig.expect_gap(None, GapCause::Disconnected).await;
        expect_return(&mut rig, GapCause::Reconnected).await;
    }
}

#[tokio::test]
async fn a_restarted_server_is_found_again_however_long_it_took() {
    let options = FeedOptions { first_pause: Duration::from_millis(5), ..unasked() };
    let mut rig = Rig::with(options).await;
    rig.server.kill().await;
    rig.expect_gap(None, GapCause::Disconnected).await;
    assert_eq!(rig.barrier(0).await.unwrap_err().kind(), ErrorKind::Unavailable);
    rig.server.restart().await;
    expect_return(&mut rig, GapCause::Reconnected).await;
}

/// The server is silent, and no barriers are requested.
#[tokio::test]
async fn a_silent_server_is_given_up() {
    let brief = Duration::from_millis(100);
    let options = FeedOptions { health_interval: brief, deadline: brief, ..FeedOptions::default() };
    let mut rig = Rig::with(options).await;
    rig.server.pause().await;
    rig.expect_gap(None, GapCause::Disconnected).await;
    rig.server.resume().await;
    expect_return(&mut rig, GapCause::Reconnected).await;
}

/// The next health check would be in an hour: the unanswered barrier brings it forward.
#[tokio::test]
async fn a_barrier_that_is_not_answered_has_the_connection_checked() {
    let deadline = Duration::from_millis(200);
    let options = FeedOptions { deadline, ..unasked() };
    let mut rig = Rig::with(options).await;
    rig.server.pause().await;
    assert_eq!(rig.barrier(0).await.unwrap_err().kind(), ErrorKind::Unavailable);
    rig.expect_gap(None, GapCause::Disconnected).await;
    rig.server.resume().await;
    expect_return(&mut rig, GapCause::Reconnected).await;
}

/// A connection to a former primary still receives all changes, by replication: only a write reveals the demotion.
#[tokio::test]
async fn a_demoted_primary_is_left_for_the_new_one() {
    let server = Server::start().await;
    let other = Server::start().await;
    let source = Named::one(&server.addr().to_string());
    let options = unasked();
    let mut rig = Rig::of(server, source.clone(), options).await;
    let port = other.port().to_string();
    rig.server.command(&["REPLICAOF", "127.0.0.1", &port]).await.expect("demote");
    source.set(&other.addr().to_string());
    assert_eq!(rig.barrier(0).await.unwrap_err().kind(), ErrorKind::Unavailable);
    rig.expect_gap(None, GapCause::Demoted).await;
    expect_return(&mut rig, GapCause::FailedOver).await;
    publish(&other, 2, 5).await;
    rig.expect_change(2, 5).await;
}

#[tokio::test]
async fn a_demotion_shows_without_any_barrier() {
    let server = Server::start().await;
    let other = Server::start().await;
    let source = Named::one(&server.addr().to_string());
    let options = FeedOptions { health_interval: Duration::from_millis(20), ..FeedOptions::default() };
    let mut rig = Rig::of(server, source.clone(), options).await;
    source.set(&other.addr().to_string());
    rig.server.command(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]).await.expect("demote");
    rig.expect_gap(None, GapCause::Demoted).await;
    expect_return(&mut rig, GapCause::FailedOver).await;
}

/// A primary that was isolated from its replicas does not know that it was replaced.
#[tokio::test]
async fn a_primary_that_cannot_serve_is_left_when_there_is_another() {
    let server = Server::builder().config("min-replicas-to-write", 1).start().await;
    let other = Server::start().await;
    let source = Named::one(&server.addr().to_string());
    let mut rig = Rig::of(server, source.clone(), unasked()).await;
    assert_eq!(rig.barrier(0).await.unwrap_err().kind(), ErrorKind::Unavailable);
    source.set(&other.addr().to_string());
    assert_eq!(rig.barrier(0).await.unwrap_err().kind(), ErrorKind::Unavailable);
    rig.expect_gap(None, GapCause::Demoted).await;
    expect_return(&mut rig, GapCause::FailedOver).await;
    set_sequence(&other, 1, 5).await;
    rig.expect_silence(1).await;
}

#[tokio::test]
async fn a_failed_over_server_is_distinguished_from_one_that_came_back() {
    let server = Server::start().await;
    let other = Server::start().await;
    let source = Named::one(&server.addr().to_string());
    let mut rig = Rig::of(server, source.clone(), unasked()).await;
    source.set(&other.addr().to_string());
    rig.server.kill().await;
    rig.expect_gap(None, GapCause::Disconnected).await;
    expect_return(&mut rig, GapCause::FailedOver).await;
}

/// Changes published while there is no connection all precede the second gap.
#[tokio::test]
async fn what_is_published_while_it_reconnects_is_before_the_gap() {
    let mut rig = Rig::new().await;
    let mut published = 0;
    for _ in 0..10 {
        rig.server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await.expect("kill");
        rig.expect_gap(None, GapCause::Disconnected).await;
        // Some of these are published before the new subscription, some after it.
        let floor = loop {
            published += 1;
            rig.publish(0, published).await;
            if let Ok(id) = rig.barrier(0).await {
                break id;
            }
        };
        rig.expect_gap(None, GapCause::Reconnected).await;
        let mut sequences = Vec::new();
        loop {
            match rig.next().await {
                FeedItem::Change(change) => sequences.push(change.sequence),
                FeedItem::Barrier(0, id) if id == floor => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(sequences, (published + 1 - sequences.len() as u64..=published).collect::<Vec<_>>());
    }
}
