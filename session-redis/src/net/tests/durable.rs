//! Writes that wait for replicas.

use futures_util::future::join_all;
use redis::Value;
use session_testkit::{Direction, LinkCutter, Server};

use super::*;
use crate::net::{Deadline, Failure, Resend};

#[tokio::test]
async fn replicas_are_counted() {
    let primary = Server::start().await;
    let replica = Server::builder().replica_of(&primary).start().await;
    replica.wait_for_primary_link().await;
    let (net, _) = connect(config(primary.url()).call_deadline(GUARD)).await;
    let written =
        guarded(net.durable(net.deadline(), SLOT, (&command(&["INCR", "a"]), 1), Resend::Never)).await.unwrap();
    assert_eq!(written, (Value::Int(1), 1));
    assert_eq!(replica.command(&["GET", "a"]).await.text(), "1");
}

#[tokio::test]
async fn too_few_replicas_are_reported_within_the_deadline() {
    let server = Server::start().await;
    let (net, _) = connect(config(server.url()).call_deadline(Duration::from_millis(400))).await;
    let written =
        guarded(net.durable(net.deadline(), SLOT, (&command(&["INCR", "a"]), 1), Resend::Never)).await.unwrap();
    assert_eq!(written, (Value::Int(1), 0));
}

/// The server may stall when it should report the number of replicas. Its reply to the write still counts.
#[tokio::test]
async fn a_wait_that_is_not_answered_hides_no_reply() {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let (net, _) = connect(config(proxy.url()).call_deadline(Duration::from_millis(500)).health_interval(LONG)).await;
    let increment = command(&["INCR", "a"]);
    net.durable(net.deadline(), SLOT, (&increment, 0), Resend::Never).await.unwrap();
    let before = proxy.bytes_down();
    let waiting = tokio::spawn({
        let net = net.clone();
        async move { net.durable(net.deadline(), SLOT, (&increment, 1), Resend::Never).await }
    });
    // The reply to the write passes; the answer to the wait comes later and does not pass.
    server
        .wait("the reply", async || (proxy.bytes_down() >= before + "+PONG\r\n:2\r\n".len() as u64).then_some(()))
        .await;
    proxy.hold(Direction::Replies);
    assert_eq!(guarded(waiting).await.unwrap().unwrap(), (Value::Int(2), 0));
}

/// Nothing was written, so there is nothing to wait for.
#[tokio::test]
async fn a_refusal_does_not_wait_for_replicas() {
    let server = Server::start().await;
    let (net, _) = connect(config(server.url()).call_deadline(LONG)).await;
    let failure = guarded(net.durable(net.deadline(), SLOT, (&command(&["EVALSHA", "f00d", "0"]), 1), Resend::Never))
        .await
        .unwrap_err();
    assert_eq!(failure.code(), Some("NOSCRIPT"));
}

/// Otherwise a client that is refused repeatedly uses up the machine's ports.
#[tokio::test]
async fn a_refusal_costs_no_connection() {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let (net, _) = connect(config(proxy.url()).call_deadline(GUARD).durable_connections(2)).await;
    for _ in 0..20 {
        let refused = net.durable(net.deadline(), SLOT, (&command(&["EVALSHA", "f00d", "0"]), 0), Resend::Never).await;
        assert_eq!(refused.unwrap_err().code(), Some("NOSCRIPT"));
    }
    assert!(proxy.accepted_links() <= 1 + 2, "{}", proxy.accepted_links());
}

#[tokio::test]
async fn connections_are_shared_and_few() {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let (net, _) = connect(config(proxy.url()).call_deadline(GUARD).durable_connections(3)).await;
    let increment = command(&["INCR", "a"]);
    for _ in 0..3 {
        let written =
            join_all((0..20).map(|_| net.durable(net.deadline(), SLOT, (&increment, 0), Resend::Never))).await;
        assert!(written.iter().all(Result::is_ok), "{written:?}");
    }
    assert_eq!(server.command(&["GET", "a"]).await.text(), "60");
    assert!(proxy.accepted_links() <= 1 + 3, "{}", proxy.accepted_links());
    assert_eq!(net.in_flight(), 0);
}

/// Firewalls, operators and the server's `timeout` close connections that are idle. The write must not be lost with them.
#[tokio::test]
async fn an_idle_connection_that_was_closed_costs_no_write() {
    let primary = Server::start().await;
    let replica = Server::builder().replica_of(&primary).start().await;
    replica.wait_for_primary_link().await;
    let (net, _) = connect(config(primary.url()).call_deadline(GUARD).health_interval(LONG)).await;
    let increment = command(&["INCR", "a"]);
    for count in 1..=20 {
        let written = guarded(net.durable(net.deadline(), SLOT, (&increment, 1), Resend::Never)).await.unwrap();
        assert_eq!(written, (Value::Int(count), 1));
        let clients = primary.command(&["CLIENT", "LIST", "TYPE", "NORMAL"]).await.text().to_owned();
        let waited = clients.lines().filter(|client| client.contains(" cmd=wait "));
        let id = waited.filter_map(|client| client.split(['=', ' ']).nth(1)).next().expect("an idle connection");
        assert_eq!(primary.command(&["CLIENT", "KILL", "ID", id]).await.int(), 1);
    }
}

/// Something in between has forgotten the connection, and tells neither side.
#[tokio::test]
async fn an_idle_connection_that_was_dropped_silently_costs_no_write() {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let config = config(proxy.url()).call_deadline(Duration::from_secs(4)).health_interval(LONG);
    let (net, _) = connect(config).await;
    let increment = command(&["INCR", "a"]);
    for count in 1..=2 {
        let written = guarded(net.durable(net.deadline(), SLOT, (&increment, 0), Resend::Never)).await.unwrap();
        assert_eq!(written, (Value::Int(count), 0));
        proxy.forget_open_links();
    }
}

/// The server may still be waiting for replicas on a connection whose call was dropped.
#[tokio::test]
async fn the_connection_of_a_dropped_call_is_not_used_again() {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let (net, _) = connect(config(proxy.url()).call_deadline(LONG).durable_connections(1)).await;
    let increment = command(&["INCR", "a"]);
    let waiting = tokio::spawn({
        let (net, increment) = (net.clone(), increment.clone());
        async move { net.durable(net.deadline(), SLOT, (&increment, 1), Resend::Never).await }
    });
    server.wait("the write", async || (server.command(&["EXISTS", "a"]).await.int() == 1).then_some(())).await;
    waiting.abort();
    assert!(waiting.await.is_err());
    let written = guarded(net.durable(net.deadline(), SLOT, (&increment, 0), Resend::Never)).await.unwrap();
    assert_eq!(written, (Value::Int(2), 0));
}

/// A write that never got a connection was not sent, and its caller must learn that.
#[tokio::test]
async fn one_that_waits_for_a_connection_is_unsent() {
    let server = Server::start().await;
    let (net, _) = connect(config(server.url()).call_deadline(LONG).durable_connections(1)).await;
    let increment = command(&["INCR", "a"]);
    // No replica will ever acknowledge it.
    let first = tokio::spawn({
        let (net, increment) = (net.clone(), increment.clone());
        async move { net.durable(net.deadline(), SLOT, (&increment, 1), Resend::Never).await }
    });
    server.wait("the write", async || (server.command(&["EXISTS", "a"]).await.int() == 1).then_some(())).await;
    let deadline = Deadline::after(Duration::from_millis(300));
    let second = guarded(net.durable(deadline, SLOT, (&increment, 0), Resend::Never)).await;
    assert!(matches!(second, Err(Failure::Unsent(_))), "{second:?}");
    assert_eq!(server.command(&["GET", "a"]).await.text(), "1");
    first.abort();
}
