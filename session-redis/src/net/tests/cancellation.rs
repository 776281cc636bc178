//! Dropped calls, and calls above the limit.

use std::task::Poll;

use session_core::ErrorKind;
use session_testkit::{Direction, LinkCutter, Server};

use super::*;
use crate::net::{Failure, Resend};

#[tokio::test]
async fn more_calls_than_allowed_are_refused_at_once() {
    let server = Server::start().await;
    let proxy = LinkCutter::to(server.addr()).await;
    let (net, _) = connect(config(proxy.url()).call_deadline(LONG).health_interval(LONG).max_in_flight(2)).await;
    proxy.hold(Direction::Replies);
    let echo = command(&["ECHO", "a"]);
    let mut under_way = [
        Box::pin(net.command(net.deadline(), SLOT, &echo, Resend::Never)),
        Box::pin(net.command(net.deadline(), SLOT, &echo, Resend::Never)),
    ];
    for call in &mut under_way {
        assert!(futures_util::poll!(call).is_pending());
    }
    let record = proxy.record();
    let failure =
        guarded(net.command(net.deadline(), SLOT, &command(&["INCR", "a"]), Resend::Never)).await.unwrap_err();
    assert!(matches!(failure, Failure::Overloaded), "{failure:?}");
    assert_eq!(failure.into_write_error().kind(), ErrorKind::Overloaded);
    assert_eq!((net.in_flight(), net.stats().overloaded.get()), (2, 1));
    proxy.release(Direction::Replies);
    for call in under_way {
        assert_eq!(guarded(call).await.unwrap(), bulk("a"));
    }
    assert_eq!(net.in_flight(), 0);
    net.command(net.deadline(), SLOT, &echo, Resend::Never).await.unwrap();
    assert!(!format!("{:?}", record.commands()).contains("INCR"), "nothing was sent");
}

/// Calls that wait for a connection count as well, or they would pile up without limit during an outage.
#[tokio::test]
async fn calls_that_wait_for_a_connection_count() {
    let server = Server::start().await;
    let (net, _) = connect(config(server.url()).call_deadline(LONG).max_in_flight(1)).await;
    server.kill().await;
    let echo = command(&["ECHO", "a"]);
    let mut waiting = Box::pin(net.command(net.deadline(), SLOT, &echo, Resend::Harmless));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    assert!(matches!(
        guarded(net.command(net.deadline(), SLOT, &echo, Resend::Harmless)).await,
        Err(Failure::Overloaded)
    ));
    drop(waiting);
    assert_eq!(net.in_flight(), 0);
}

/// A call dropped at any point must not stay counted, and its reply must not reach another call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_calls_leave_nothing_behind() {
    let server = Server::start().await;
    // If calls stayed counted, later ones would soon be refused.
    let (net, probe) = connect(config(server.url()).call_deadline(GUARD).max_in_flight(64)).await;
    let tasks: Vec<_> = (0..32).map(|task| tokio::spawn(drop_and_finish(net.clone(), task))).collect();
    for task in tasks {
        guarded(task).await.unwrap();
    }
    assert_eq!(net.in_flight(), 0);
    assert_eq!((probe.regained(), net.stats().overloaded.get()), (0, 0));
}

/// Drops every second call after a few polls, and checks the replies of the others.
async fn drop_and_finish(net: Net, task: u32) {
    for round in 0..200 {
        let text = format!("{task}:{round}");
        let echo = command(&["ECHO", &text]);
        let mut call = Box::pin(net.command(net.deadline(), SLOT, &echo, Resend::Never));
        if round % 2 == 0 {
            assert_eq!(call.await.unwrap(), bulk(&text));
            continue;
        }
        for _ in 0..round % 7 {
            if let Poll::Ready(reply) = futures_util::poll!(&mut call) {
                assert_eq!(reply.unwrap(), bulk(&text));
                break;
            }
            tokio::task::yield_now().await;
        }
    }
}
