//! Sentinels: failovers, and a primary that does not know that it was replaced.

use session_testkit::{Certificates, Connection, SentinelTrio};

#[tokio::test]
async fn a_replica_is_promoted_and_the_old_primary_follows_it() {
    let trio = SentinelTrio::start().await;
    assert_eq!((trio.sentinel_urls().len(), trio.servers().len(), trio.replicas().await.len()), (3, 3, 2));
    let primary = trio.primary().await;
    assert!(primary.command(&["SET", "key", "1"]).await.is_ok());
    assert_eq!(primary.command(&["WAIT", "2", "10000"]).await.int(), 2);
    let old = trio.kill_primary().await;
    let new = trio.wait_for_new_primary(old).await;
    assert_eq!(new.command(&["GET", "key"]).await.text(), "1");
    old.restart().await;
    trio.wait_until_settled().await;
    assert_eq!(trio.primary().await, new);
    assert!(old.command(&["SET", "key", "2"]).await.error().is_some_and(|error| error.starts_with("READONLY")));
}

#[tokio::test]
async fn a_primary_that_is_cut_off_stops_writing_only_when_it_needs_replicas() {
    let trio = SentinelTrio::builder().replicas(1).min_replicas_to_write(1, 1).behind_links().start().await;
    let old = trio.primary().await;
    old.wait("the replica is heard", || async { old.command(&["SET", "key", "1"]).await.is_ok().then_some(()) }).await;
    trio.link_of(old).cut().await;
    let new = trio.wait_for_new_primary(old).await;
    assert_eq!(old.info("role").await.as_deref(), Some("master"), "it cannot know yet");
    old.wait("it refuses writes", || async {
        let reply = old.command(&["SET", "key", "2"]).await;
        reply.error().is_some_and(|error| error.starts_with("NOREPLICAS")).then_some(())
    })
    .await;
    trio.link_of(old).heal().await;
    trio.wait_until_settled().await;
    assert_eq!(trio.primary().await, new);
}

#[tokio::test]
async fn an_ordered_failover_works_through_tls_and_passwords() {
    let certificates = Certificates::new();
    let trio = SentinelTrio::builder()
        .name("sessions")
        .replicas(1)
        .each(|server| server.tls(&certificates).require_client_certificate().password("secret"))
        .each_sentinel(|sentinel| sentinel.password("other"))
        .start()
        .await;
    assert!(trio.sentinel_tls_urls()[0].starts_with("rediss://:other@localhost:"));
    let mut stranger = Connection::tcp(trio.sentinels()[0].addr()).await.unwrap();
    assert!(stranger.command(&["SENTINEL", "MASTERS"]).await.unwrap().error().unwrap().starts_with("NOAUTH"));
    let old = trio.primary().await;
    let new = trio.fail_over().await;
    assert_ne!(old, new);
    trio.wait_until_settled().await;
}
