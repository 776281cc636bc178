//! Replies in the normal case, and refusals.

use redis::Value;
use session_core::ErrorKind;
use session_testkit::{LinkCutter, Reply, Server};

use super::*;
use crate::net::{Failure, Resend};

#[tokio::test]
async fn commands_and_pipelines() {
    let server = Server::start().await;
    let (net, probe) = connect(config(server.url())).await;
    let set = net.command(net.deadline(), SLOT, &command(&["SET", "a", "1"]), Resend::Never).await.unwrap();
    assert_eq!(set, Value::Okay);
    let mut pipeline = redis::pipe();
    pipeline.cmd("GET").arg("a").cmd("HGET").arg("a").arg("b").cmd("GET").arg("a");
    for resend in [Resend::Harmless, Resend::Never] {
        let replies = net.pipeline(net.deadline(), SLOT, &pipeline, resend).await.unwrap();
        assert_eq!(replies[0], bulk("1"));
        assert!(matches!(&replies[1], Value::ServerError(error) if error.code() == "WRONGTYPE"), "{replies:?}");
        assert_eq!(replies[2], bulk("1"));
    }
    assert_eq!(net.in_flight(), 0);
    assert_eq!((probe.prepared(), probe.regained()), (1, 0));
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_tells_no_arguments() {
    let server = Server::start().await;
    let (net, _) = connect(config(server.url())).await;
    let failure =
        net.command(net.deadline(), SLOT, &command(&["SWORDFISH", "swordfish"]), Resend::Never).await.unwrap_err();
    assert_eq!(failure.code(), Some("ERR"));
    let Failure::Refused(error) = &failure else { panic!("{failure:?}") };
    assert!(error.details().unwrap().to_lowercase().contains("swordfish"), "or this tests nothing");
    let error = failure.into_write_error();
    assert!(!format!("{error:?} {error}").to_lowercase().contains("swordfish"), "{error:?}");
}

#[tokio::test]
async fn what_a_starved_server_says() {
    let server = Server::builder().config("maxmemory", "1").start().await;
    let (net, _) = connect(config(server.url())).await;
    let failure = net.command(net.deadline(), SLOT, &command(&["SET", "a", "1"]), Resend::Never).await.unwrap_err();
    assert_eq!(failure.code(), Some("OOM"));
    let error = failure.into_write_error();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("maxmemory"), "{error}");
}

#[tokio::test]
async fn replicas_are_missing() {
    let server = Server::builder().config("min-replicas-to-write", 1).start().await;
    let (net, _) = connect(config(server.url()).call_deadline(LONG)).await;
    // At once: the deadline is an hour away.
    let failure =
        guarded(net.command(net.deadline(), SLOT, &command(&["SET", "a", "1"]), Resend::Never)).await.unwrap_err();
    assert_eq!(failure.code(), Some("NOREPLICAS"));
}

#[tokio::test]
async fn one_round_trip_a_call() {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let (net, _) = connect(config(proxy.url()).health_interval(LONG)).await;
    let record = proxy.record();
    for _ in 0..5 {
        net.command(net.deadline(), SLOT, &command(&["GET", "a"]), Resend::Harmless).await.unwrap();
    }
    let mut pipeline = redis::pipe();
    pipeline.cmd("HGETALL").arg("a").cmd("PTTL").arg("a");
    net.pipeline(net.deadline(), SLOT, &pipeline, Resend::Harmless).await.unwrap();
    assert_eq!(record.round_trips(), 6, "{:?}", record.commands());
}

#[tokio::test]
async fn on_a_socket_file() {
    let server = Server::builder().unix_only().start().await;
    let (net, _) = connect(config(server.unix_url())).await;
    assert_eq!(net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Harmless).await.unwrap(), bulk("a"));
    let primaries = net.primaries().await.unwrap();
    assert_eq!(primaries[0].slots, [0..=16_383]);
}

#[tokio::test]
async fn in_another_database() {
    let server = Server::start().await;
    let (net, _) = connect(config(format!("{}/3", server.url()))).await;
    net.command(net.deadline(), SLOT, &command(&["SET", "a", "1"]), Resend::Never).await.unwrap();
    assert_eq!(server.command(&["GET", "a"]).await, Reply::Nil);
    let (other, _) = connect(config(server.url()).database(3)).await;
    assert_eq!(
        other.command(other.deadline(), SLOT, &command(&["GET", "a"]), Resend::Harmless).await.unwrap(),
        bulk("1")
    );
    let failure = try_connect(config(server.url()).database(99), Probe::new()).await.err().unwrap();
    assert_eq!(failure.kind(), ErrorKind::Configuration);
    assert!(failure.to_string().contains("`database`"), "{failure}");
}

#[tokio::test]
async fn a_link_of_ones_own() {
    let server = Server::start().await;
    let (net, _) = connect(config(server.url())).await;
    let address = net.primaries().await.unwrap().remove(0).address;
    let (push, mut pushes) = tokio::sync::mpsc::unbounded_channel();
    let mut connection = net.dial(&address, Some(push)).await.unwrap();
    connection.subscribe("news").await.unwrap();
    assert_eq!(pushes.recv().await.unwrap().kind, redis::PushKind::Subscribe);
    server.command(&["PUBLISH", "news", "x"]).await;
    assert_eq!(guarded(pushes.recv()).await.unwrap().kind, redis::PushKind::Message);
    server.kill().await;
    assert_eq!(guarded(pushes.recv()).await.unwrap().kind, redis::PushKind::Disconnection);
}
