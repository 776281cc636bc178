//! The server works, and the connection to it does not.

use session_core::ErrorKind;
use session_testkit::{Direction, LinkCutter, Server};

use super::*;
use crate::net::{Failure, Resend};

async fn behind_a_proxy(adjust: impl FnOnce(RedisConfig) -> RedisConfig) -> (Server, LinkCutter, Net, Arc<Probe>) {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let (net, probe) = connect(adjust(config(proxy.url()))).await;
    (server, proxy, net, probe)
}

/// Sends INCR and cuts the connection after it was executed and before its reply arrives.
async fn lose_the_reply(proxy: &LinkCutter, net: &Net, resend: Resend) -> Result<redis::Value, Failure> {
    proxy.hold(Direction::Replies);
    let call = tokio::spawn({
        let net = net.clone();
        async move { net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), resend).await }
    });
    proxy.wait_for_held(Direction::Replies, 1).await;
    proxy.cut().await;
    proxy.heal().await;
    guarded(call).await.unwrap()
}

#[tokio::test]
async fn a_lost_reply_is_an_unknown_outcome_at_once() {
    let (server, proxy, net, _) = behind_a_proxy(|config| config.call_deadline(LONG).health_interval(LONG)).await;
    let failure = lose_the_reply(&proxy, &net, Resend::Never).await.unwrap_err();
    assert!(matches!(failure, Failure::Unknown(_)), "{failure:?}");
    assert_eq!(failure.into_write_error().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(server.command(&["GET", "a"]).await.text(), "1", "it was executed, and once only");
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated() {
    let (_server, proxy, net, _) = behind_a_proxy(|config| config.call_deadline(LONG).health_interval(LONG)).await;
    assert_eq!(lose_the_reply(&proxy, &net, Resend::Harmless).await.unwrap(), redis::Value::Int(2));
    assert_eq!(net.stats().resends.get(), 1);
}

#[tokio::test]
async fn no_reply_before_the_deadline() {
    let (_server, proxy, net, _) =
        behind_a_proxy(|config| config.call_deadline(Duration::from_millis(200)).health_interval(LONG)).await;
    proxy.hold(Direction::Replies);
    let failure =
        guarded(net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), Resend::Never)).await.unwrap_err();
    assert!(matches!(failure, Failure::Unknown(_)), "{failure:?}");
    let failure =
        guarded(net.command(net.deadline(), SLOT, &command(&["GET", "a"]), Resend::Harmless)).await.unwrap_err();
    assert_eq!(failure.into_read_error().kind(), ErrorKind::Unavailable);
    assert_eq!(net.stats().timeouts.get(), 2);
}

/// A firewall drops the connection: both ends believe that it is open, and nothing passes. redis-rs alone would keep it
/// for ever.
#[tokio::test]
async fn a_half_open_link_is_replaced_without_traffic() {
    let (_server, proxy, net, probe) = behind_a_proxy(|config| {
        config.call_deadline(Duration::from_millis(200)).health_interval(Duration::from_millis(20))
    })
    .await;
    proxy.forget_open_links();
    probe.wait_for_regained(1).await;
    assert_eq!(net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Never).await.unwrap(), bulk("a"));
    assert_eq!(net.stats().half_open.get(), 1);
}

/// An unanswered call has the connection checked, long before the next health check.
#[tokio::test]
async fn a_half_open_link_is_replaced_after_a_call_in_vain() {
    let (_server, proxy, net, probe) =
        behind_a_proxy(|config| config.call_deadline(Duration::from_millis(200)).health_interval(LONG)).await;
    proxy.forget_open_links();
    let failure =
        guarded(net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Never)).await.unwrap_err();
    assert!(matches!(failure, Failure::Unknown(_)), "{failure:?}");
    probe.wait_for_regained(1).await;
    assert_eq!(net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Never).await.unwrap(), bulk("a"));
}

/// A server that stalls is not dead: the connection stays, and so do the calls on it.
#[tokio::test]
async fn a_slow_server_keeps_its_link() {
    let (_server, proxy, net, probe) =
        behind_a_proxy(|config| config.call_deadline(LONG).health_interval(Duration::from_millis(10))).await;
    proxy.hold(Direction::Replies);
    let call = tokio::spawn({
        let net = net.clone();
        async move { net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Never).await }
    });
    // Health checks do not pile up over many intervals: there is one at a time.
    proxy.wait_for_held(Direction::Replies, 10).await;
    proxy.release(Direction::Replies);
    assert_eq!(guarded(call).await.unwrap().unwrap(), bulk("a"));
    assert_eq!((probe.regained(), net.stats().half_open.get()), (0, 0));
}

#[tokio::test]
async fn a_reset_link_is_replaced_at_once() {
    let (_server, proxy, net, probe) = behind_a_proxy(|config| config.call_deadline(LONG).health_interval(LONG)).await;
    for round in 1..=3 {
        proxy.reset().await;
        probe.wait_for_regained(round).await;
        assert_eq!(
            guarded(net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Harmless)).await.unwrap(),
            bulk("a")
        );
    }
    assert_eq!(net.stats().reconnects.get(), 3);
}
