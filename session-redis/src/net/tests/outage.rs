//! The server goes away, comes back, or is demoted.

use session_core::ErrorKind;
use session_testkit::{LinkCutter, Server};

use super::*;
use crate::net::{Deadline, Failure, Resend};

#[tokio::test]
async fn a_call_waits_for_the_server_to_come_back() {
    let server = Server::start().await;
    let (net, probe) = connect(config(server.url()).call_deadline(LONG)).await;
    server.kill().await;
    let waiting = tokio::spawn({
        let net = net.clone();
        async move { net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Harmless).await }
    });
    server.restart().await;
    assert_eq!(guarded(waiting).await.unwrap().unwrap(), bulk("a"));
    assert_eq!(probe.regained(), 1);
    assert_eq!(net.stats().reconnects.get(), 1);
    assert_eq!(probe.prepared(), 2, "each connection is prepared");
}

/// redis-rs's own connection manager gives up after a while; this one must not.
#[tokio::test]
async fn each_call_keeps_its_deadline_through_an_outage_and_the_next_one_works() {
    let server = Server::start().await;
    let (net, probe) = connect(config(server.url()).call_deadline(Duration::from_millis(200))).await;
    server.kill().await;
    for _ in 0..3 {
        let failure =
            guarded(net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), Resend::Never)).await.unwrap_err();
        // The first may have been in flight when the server died.
        assert!(matches!(failure, Failure::Unsent(_) | Failure::Unknown(_)), "{failure:?}");
    }
    let failure =
        guarded(net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), Resend::Never)).await.unwrap_err();
    assert!(matches!(failure, Failure::Unsent(_)), "{failure:?}");
    let error = failure.into_write_error();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(format!("{error:?}").contains("refused"), "the cause is shown: {error:?}");
    assert!(net.stats().timeouts.get() >= 1);
    server.restart().await;
    probe.wait_for_regained(1).await;
    assert_eq!(net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Never).await.unwrap(), bulk("a"));
    assert_eq!(net.in_flight(), 0);
}

#[tokio::test]
async fn no_server_at_the_start() {
    let server = Server::start().await;
    server.kill().await;
    let config = config(server.url()).call_deadline(Duration::from_millis(200));
    let error = try_connect(config, Probe::new()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(format!("{error:?}").contains(&server.port().to_string()), "{error:?}");
}

#[tokio::test]
async fn the_start_waits_for_the_server() {
    let server = Server::start().await;
    server.kill().await;
    let starting = tokio::spawn(try_connect(config(server.url()).call_deadline(LONG), Probe::new()));
    server.restart().await;
    guarded(starting).await.unwrap().unwrap();
}

#[tokio::test]
async fn all_urls_are_tried() {
    let (dead, replica, live) = tokio::join!(Server::start(), Server::start(), Server::start());
    dead.kill().await;
    replica.command(&["REPLICAOF", "127.0.0.1", &live.port().to_string()]).await;
    let config = config("").urls([dead.url(), replica.url(), live.url()]).call_deadline(LONG);
    let (net, _) = connect(config).await;
    let primaries = net.primaries().await.unwrap();
    assert_eq!(primaries[0].address.to_string(), live.addr().to_string());
}

/// A demoted server replies READONLY, which means that nothing was executed: the call waits for a primary.
#[tokio::test]
async fn a_write_waits_while_its_server_is_a_replica() {
    let (server, other) = tokio::join!(Server::start(), Server::start());
    // No health check helps it within an hour.
    let (net, probe) = connect(config(server.url()).call_deadline(LONG).health_interval(LONG)).await;
    server.command(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]).await;
    let waiting = tokio::spawn({
        let net = net.clone();
        async move { net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), Resend::Never).await }
    });
    server.wait("the demotion to be noticed", async || (net.stats().demoted.get() == 1).then_some(())).await;
    assert!(!waiting.is_finished());
    server.command(&["REPLICAOF", "NO", "ONE"]).await;
    assert_eq!(guarded(waiting).await.unwrap().unwrap(), redis::Value::Int(1));
    assert_eq!(probe.regained(), 1);
}

/// A second round trip does not start a new deadline; a second operation does.
#[tokio::test]
async fn an_operation_of_several_round_trips_has_one_deadline() {
    let server = Server::start().await;
    let (net, _) = connect(config(server.url()).call_deadline(LONG)).await;
    let deadline = Deadline::after(Duration::from_secs(1));
    let get = command(&["GET", "a"]);
    net.command(deadline, SLOT, &get, Resend::Harmless).await.unwrap();
    tokio::time::sleep_until(deadline.instant()).await;
    let failure = net.command(deadline, SLOT, &get, Resend::Harmless).await.unwrap_err();
    assert!(matches!(failure, Failure::Unknown(_)), "{failure:?}");
    net.command(net.deadline(), SLOT, &get, Resend::Harmless).await.unwrap();
}

/// A replica does not refuse reads, so only the health check can detect the demotion.
#[tokio::test]
async fn reads_do_not_go_to_a_server_that_became_a_replica() {
    let (server, other) = tokio::join!(Server::start(), Server::start());
    let config =
        config(server.url()).call_deadline(Duration::from_millis(300)).health_interval(Duration::from_millis(20));
    let (net, _) = connect(config).await;
    server.command(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]).await;
    server.wait("the demotion to be noticed", async || (net.stats().demoted.get() == 1).then_some(())).await;
    let failure =
        guarded(net.command(net.deadline(), SLOT, &command(&["GET", "a"]), Resend::Harmless)).await.unwrap_err();
    assert!(matches!(failure, Failure::Unsent(_)), "{failure:?}");
    assert!(format!("{failure:?}").contains("replica"), "{failure:?}");
}

#[tokio::test]
async fn nothing_is_left_of_a_dropped_net() {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let (net, _) = connect(config(proxy.url()).call_deadline(LONG)).await;
    net.durable(net.deadline(), SLOT, (&command(&["SET", "a", "1"]), 0), Resend::Never).await.unwrap();
    assert_eq!(proxy.open_links(), 2);
    let clone = net.clone();
    drop(net);
    clone.command(clone.deadline(), SLOT, &command(&["GET", "a"]), Resend::Harmless).await.unwrap();
    drop(clone);
    proxy.wait_for_links(0).await;
}

/// The connecting task must end too.
#[tokio::test]
async fn nothing_is_left_of_a_net_that_was_dropped_in_an_outage() {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let (net, probe) = connect(config(proxy.url())).await;
    proxy.cut().await;
    drop(net);
    let alone = async {
        while Arc::strong_count(&probe) > 1 {
            tokio::task::yield_now().await;
        }
    };
    guarded(alone).await;
}
