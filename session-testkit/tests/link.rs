//! Each fault of a link, observed from both ends.

use std::{
    io,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use session_testkit::{Connection, Direction, LinkCutter, Reply, Server};
use tokio::time::{Instant, timeout};

/// Only to check that something does *not* arrive; a working fault never makes a test wait longer.
const SHORT: Duration = Duration::from_millis(50);

async fn pair() -> (Server, LinkCutter, Connection) {
    let server = Server::start().await;
    let link = LinkCutter::to(server.addr()).await;
    let client = Connection::tcp(link.addr()).await.expect("the proxy listens");
    (server, link, client)
}

#[tokio::test]
async fn passes_and_counts() {
    let (_server, link, mut client) = pair().await;
    let big = vec![b'x'; 3 << 20];
    assert!(client.command(&[b"SET".as_slice(), b"key", &big]).await.unwrap().is_ok());
    assert_eq!(client.command(&["GET", "key"]).await.unwrap(), Reply::Bulk(big.clone()));
    assert!(link.bytes_up() > 3 << 20 && link.bytes_down() > 3 << 20);
    assert_eq!(link.open_links(), 1);
    drop(client);
    link.wait_for_links(0).await;
    assert_eq!(link.accepted_links(), 1);
}

#[tokio::test]
async fn a_delay_costs_two_ways() {
    let (_server, link, mut client) = pair().await;
    link.delay(Duration::from_millis(40));
    let begun = Instant::now();
    client.command(&["PING"]).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn a_cut_link_ends_and_none_is_accepted_until_it_is_healed() {
    let (server, link, mut client) = pair().await;
    link.cut().await;
    client.command(&["PING"]).await.expect_err("the link is gone");
    let refused = Connection::tcp(link.addr()).await.expect_err("the port is closed");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(link.open_links(), 0);
    // The server notices it too: only the connection that asks is left.
    server
        .wait("the server sees the cut", || async { (server.info("connected_clients").await? == "1").then_some(()) })
        .await;
    link.heal().await;
    let mut client = Connection::tcp(link.addr()).await.unwrap();
    client.command(&["PING"]).await.unwrap();
}

/// A process that starts holds a copy of every open socket for a moment, the proxy's among them.
#[tokio::test]
async fn a_cut_link_is_healed_while_other_processes_start() {
    let (_server, link, _client) = pair().await;
    let ended = Arc::new(AtomicBool::new(false));
    let starting = std::thread::spawn({
        let ended = Arc::clone(&ended);
        move || {
            while !ended.load(Ordering::Relaxed) {
                Command::new("true").status().expect("a process can be started");
            }
        }
    });
    for _ in 0..500 {
        link.cut().await;
        link.heal().await;
    }
    ended.store(true, Ordering::Relaxed);
    starting.join().unwrap();
    Connection::tcp(link.addr()).await.unwrap().command(&["PING"]).await.unwrap();
}

#[tokio::test]
async fn the_answer_is_lost_but_the_request_was_carried_out() {
    let (server, link, mut client) = pair().await;
    link.hold(Direction::Replies);
    client.send(&["INCR", "key"]).await.unwrap();
    link.wait_for_held(Direction::Replies, 4).await;
    // Leaked bytes would arrive while the server answers another command.
    assert_eq!(server.command(&["GET", "key"]).await.int(), 1);
    assert_eq!(link.held_bytes(Direction::Replies), 4);
    link.cut().await;
    client.receive().await.expect_err("the answer was lost with the link");
    assert_eq!(server.command(&["GET", "key"]).await.int(), 1);
    assert_eq!(link.bytes_down(), 0);
}

#[tokio::test]
async fn a_held_request_does_not_arrive_until_it_is_released() {
    let (server, link, mut client) = pair().await;
    link.hold(Direction::Requests);
    client.send(&["INCR", "key"]).await.unwrap();
    link.wait_for_held(Direction::Requests, 20).await;
    assert_eq!(server.command(&["GET", "key"]).await, Reply::Nil);
    assert_eq!(link.bytes_up(), 0);
    link.release(Direction::Requests);
    assert_eq!(client.receive().await.unwrap(), Reply::Int(1));
    assert_eq!(link.held_bytes(Direction::Requests), 0);
}

#[tokio::test]
async fn a_half_open_link_says_nothing_and_never_ends() {
    let (server, link, mut client) = pair().await;
    client.command(&["SET", "key", "1"]).await.unwrap();
    link.half_open();
    client.send(&["SET", "key", "2"]).await.unwrap();
    timeout(SHORT, client.receive()).await.expect_err("a dead link answered");
    let mut late = Connection::tcp(link.addr()).await.unwrap();
    late.send(&["SET", "key", "3"]).await.unwrap();
    link.heal().await;
    // Healing applies to new links; a forgotten one stays forgotten.
    for client in [&mut client, &mut late] {
        client.send(&["SET", "key", "4"]).await.unwrap();
        timeout(SHORT, client.receive()).await.expect_err("a dead link answered");
    }
    let mut fresh = Connection::tcp(link.addr()).await.unwrap();
    assert_eq!(fresh.command(&["GET", "key"]).await.unwrap().int(), 1);
    assert_eq!(link.open_links(), 3);
    // The server still considers the first one open, besides the new one and the one that asks.
    assert_eq!(server.info("connected_clients").await.as_deref(), Some("3"));
}

#[tokio::test]
async fn a_reset_is_seen_as_one_and_new_links_work() {
    let (_server, link, mut client) = pair().await;
    client.command(&["PING"]).await.unwrap();
    link.reset().await;
    let error = client.receive().await.expect_err("the link is gone");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let mut client = Connection::tcp(link.addr()).await.unwrap();
    client.command(&["PING"]).await.unwrap();
    link.close().await;
    let error = client.receive().await.expect_err("the link is gone");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// A connection is established before the proxy has accepted it. An order that overlooked such connections would sometimes
/// not affect the link that the test has just opened.
#[tokio::test]
async fn an_order_finds_links_that_were_not_yet_accepted() {
    let (_server, link, _) = pair().await;
    for _ in 0..100 {
        let mut client = Connection::tcp(link.addr()).await.unwrap();
        link.close().await;
        client.command(&["PING"]).await.expect_err("the link was open before all were closed");
    }
}

#[tokio::test]
async fn a_thin_link_takes_its_time() {
    let (server, link, mut client) = pair().await;
    server.command(&["SET", "key", &"x".repeat(10_000)]).await;
    link.throttle(50_000);
    let begun = Instant::now();
    client.command(&["GET", "key"]).await.unwrap();
    // 200 ms less the last portion, after which there is no pause.
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn round_trips_are_turns_of_the_conversation() {
    let (_server, link, mut client) = pair().await;
    client.command(&["PING"]).await.unwrap();
    let recording = link.record();
    // Held together, so that the server cannot answer the first before the second has arrived, but recorded one by one.
    link.hold(Direction::Requests);
    client.send(&["SET", "key", "1"]).await.unwrap();
    link.wait_for_held(Direction::Requests, 29).await;
    client.send(&["INCR", "key"]).await.unwrap();
    link.wait_for_held(Direction::Requests, 50).await;
    link.release(Direction::Requests);
    client.receive().await.unwrap();
    client.receive().await.unwrap();
    assert_eq!(recording.round_trips(), 1);
    client.command(&["GET", "key"]).await.unwrap();
    client.command(&["GET", "key"]).await.unwrap();
    assert_eq!(recording.round_trips(), 3);
    assert_eq!(
        recording.commands(),
        [vec!["SET", "key", "1"], vec!["INCR", "key"], vec!["GET", "key"], vec!["GET", "key"]]
    );
    assert_eq!(recording.requests()[1], b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
}

#[tokio::test]
async fn a_link_can_be_pointed_elsewhere() {
    let (server, link, client) = pair().await;
    let other = Server::start().await;
    link.point_at(other.addr());
    drop((client, server));
    let mut client = Connection::tcp(link.addr()).await.unwrap();
    client.command(&["SET", "here", "1"]).await.unwrap();
    assert_eq!(other.command(&["GET", "here"]).await.int(), 1);
    drop(other);
    // The reset may arrive before the client has noticed that it is connected.
    if let Ok(mut client) = Connection::tcp(link.addr()).await {
        client.command(&["PING"]).await.expect_err("the target is gone");
    }
}
