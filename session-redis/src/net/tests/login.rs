//! Logins, and refused ones.

use session_core::ErrorKind;
use session_testkit::Server;

use super::*;
use crate::net::{Failure, Resend};

#[tokio::test]
async fn a_wrong_password_fails_at_once() {
    let server = Server::builder().password("right").start().await;
    let address = server.addr();
    for config in [
        config(format!("redis://{address}")),
        config(format!("redis://:wrong@{address}")),
        config(format!("redis://{address}")).username("nobody").password("wrong"),
    ] {
        // The deadline is an hour away.
        let error = try_connect(config.call_deadline(LONG), Probe::new()).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(!format!("{error:?}").contains("wrong@") && !format!("{error:?}").contains(":wrong"), "{error:?}");
    }
    connect(config(format!("redis://{address}")).password("right")).await;
    connect(config(server.url())).await;
}

/// The health check, the role and the login need no permission beyond connecting.
#[tokio::test]
async fn a_connection_needs_no_permission_of_its_own() {
    let server = Server::builder().acl_user("app on >secret ~app:* resetchannels +get").start().await;
    let config = config(server.url_as("app", "secret")).health_interval(Duration::from_millis(10));
    let (net, probe) = connect(config).await;
    let calls = |net: Net| async move {
        net.command(net.deadline(), SLOT, &command(&["GET", "app:a"]), Resend::Harmless).await
    };
    server
        .wait("some health checks", async || {
            let stats = server.command(&["INFO", "commandstats"]).await.text();
            let hellos = stats.lines().find(|line| line.starts_with("cmdstat_hello:calls="))?;
            (hellos.split(['=', ',']).nth(1)?.parse::<u32>().ok()? > 6).then_some(())
        })
        .await;
    calls(net.clone()).await.unwrap();
    assert_eq!(probe.regained(), 0);
    let failure = net.command(net.deadline(), SLOT, &command(&["SET", "app:a", "1"]), Resend::Never).await.unwrap_err();
    assert_eq!(failure.into_write_error().kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_password_that_becomes_wrong_fails_calls_at_once_until_it_is_right_again() {
    let server = Server::builder().password("first").start().await;
    let (net, probe) = connect(config(server.url()).call_deadline(LONG)).await;
    server.command(&["CONFIG", "SET", "requirepass", "second"]).await;
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    let failure =
        guarded(net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Harmless)).await.unwrap_err();
    // It may have been sent on the connection that was killed.
    assert!(matches!(failure, Failure::Fatal(_) | Failure::InDoubt(_)), "{failure:?}");
    assert_eq!(failure.into_read_error().kind(), ErrorKind::Configuration);
    server.command(&["CONFIG", "SET", "requirepass", "first"]).await;
    probe.wait_for_regained(1).await;
    assert_eq!(
        guarded(net.command(net.deadline(), SLOT, &command(&["ECHO", "a"]), Resend::Harmless)).await.unwrap(),
        bulk("a")
    );
}

#[tokio::test]
async fn a_greeting_may_refuse() {
    let server = Server::start().await;
    let probe = Probe::new();
    probe.refuse(Failure::fatal("grant +evalsha"));
    let error = try_connect(config(server.url()).call_deadline(LONG), probe).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("grant +evalsha"), "{error}");
}

#[tokio::test]
async fn a_greeting_that_fails_for_now_is_repeated() {
    let server = Server::start().await;
    let probe = Probe::new();
    probe.refuse(Failure::Overloaded);
    try_connect(config(server.url()).call_deadline(LONG), probe.clone()).await.unwrap();
    assert_eq!(probe.prepared(), 2);
}
