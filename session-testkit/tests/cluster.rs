//! A cluster: it forms, moves slots, and survives the loss of a node.

use std::time::Duration;

use session_testkit::{Certificates, Cluster, Connection, Node, Reply};

/// The slot of the key `{0}`, as for every hash tag "0".
const SLOT: u16 = 13_907;

async fn get(node: &Node, key: &str) -> Reply {
    node.command(&["GET", key]).await
}

#[tokio::test]
async fn replicas_take_over_and_the_old_primary_comes_back_as_a_replica() {
    let cluster = Cluster::start(3, 1).await;
    assert_eq!(cluster.urls().len(), 6);
    let old = cluster.primary_of(SLOT).await;
    assert_eq!(cluster.nodes()[2], *old);
    assert!(old.command(&["SET", "{0}key", "1"]).await.is_ok());
    assert_eq!(old.command(&["WAIT", "1", "10000"]).await.int(), 1);
    let replica = cluster.replicas_of(SLOT).await[0];
    old.kill().await;
    let new = cluster.wait_for_new_primary(SLOT, old).await;
    assert_eq!(new, replica);
    assert_eq!(get(new, "{0}key").await.text(), "1");
    old.restart().await;
    cluster.wait("the old primary follows", || async { (old.info("role").await? == "slave").then_some(()) }).await;
    cluster.wait_until_agreed().await;
    cluster.fail_over_to(old).await;
    assert_eq!(cluster.primary_of(SLOT).await, old);
}

#[tokio::test]
async fn a_slot_moves_step_by_step() {
    let cluster = Cluster::start(2, 0).await;
    let [to, from] = cluster.nodes() else { panic!("two nodes") };
    for key in ["{0}a", "{0}b"] {
        assert!(from.command(&["SET", key, "1"]).await.is_ok());
    }
    let moving = cluster.begin_move(SLOT, to).await;
    moving.move_these(&["{0}a"]).await;
    assert_eq!(get(from, "{0}a").await.error(), Some(&*format!("ASK {SLOT} 127.0.0.1:{}", to.port())));
    assert!(from.command(&["MGET", "{0}a", "{0}b"]).await.error().is_some_and(|error| error.starts_with("TRYAGAIN")));
    assert_eq!(get(from, "{0}b").await.text(), "1");
    assert_eq!(moving.move_keys(10).await, 1);
    assert_eq!(moving.move_keys(10).await, 0);
    moving.finish().await;
    assert_eq!(get(from, "{0}a").await.error(), Some(&*format!("MOVED {SLOT} 127.0.0.1:{}", to.port())));
    assert_eq!(get(to, "{0}b").await.text(), "1");
    assert_eq!(cluster.primary_of(SLOT).await, to);

    cluster.migrate_slot(SLOT, from).await;
    assert_eq!(get(from, "{0}b").await.text(), "1");
    let moving = cluster.begin_move(SLOT, to).await;
    moving.abort().await;
    assert_eq!(get(from, "{0}c").await, Reply::Nil);
}

#[tokio::test]
async fn options_reach_all_nodes_and_slots_move_through_tls_and_passwords() {
    let certificates = Certificates::new();
    let cluster = Cluster::builder()
        .primaries(2)
        .replicas_each(1)
        .node_timeout(Duration::from_secs(2))
        .each(|node| node.tls(&certificates).require_client_certificate().password("secret"))
        .start()
        .await;
    let from = cluster.primary_of(SLOT).await;
    let to = cluster.primary_of(0).await;
    assert!(from.command(&["SET", "{0}key", "1"]).await.is_ok());
    cluster.migrate_slot(SLOT, to).await;
    assert_eq!(get(to, "{0}key").await.text(), "1");
    let mut stranger = Connection::tcp(to.addr()).await.unwrap();
    assert!(
        stranger.command(&["GET", "{0}key"]).await.unwrap().error().is_some_and(|error| error.starts_with("NOAUTH"))
    );
    assert!(cluster.tls_urls()[0].starts_with("rediss://:secret@localhost:"));
    cluster.reshard(to, from, 2).await;
    assert_eq!(cluster.primary_of(0).await, from);
}

#[tokio::test]
async fn the_network_splits_and_heals() {
    let cluster = Cluster::builder().can_split().start().await;
    let old = cluster.primary_of(SLOT).await;
    cluster.isolate(old);
    let mut client = Connection::tcp(old.link().addr()).await.unwrap();
    assert_eq!(client.command(&["PING"]).await.unwrap().text(), "PONG", "clients are on its side");
    let new = cluster.wait_for_new_primary(SLOT, old).await;
    assert_eq!(old.info("role").await.unwrap(), "master", "it does not know");
    assert!(new.command(&["SET", "{0}key", "1"]).await.is_ok());
    cluster.heal().await;
    cluster.wait("the old primary follows", || async { (old.info("role").await? == "slave").then_some(()) }).await;
    cluster.wait_until_agreed().await;
}

#[tokio::test]
async fn nodes_can_be_cut_off_from_clients_and_messages_reach_shards() {
    let cluster = Cluster::builder().primaries(2).replicas_each(0).behind_links().start().await;
    let node = cluster.primary_of(SLOT).await;
    let other = cluster.primary_of(0).await;
    let moved = get(other, "{0}key").await;
    assert_eq!(moved.error(), Some(&*format!("MOVED {SLOT} {}", node.link().addr())));
    let mut client = Connection::tcp(node.link().addr()).await.unwrap();
    client.command(&["SSUBSCRIBE", "{0}news"]).await.unwrap();
    assert_eq!(node.command(&["SPUBLISH", "{0}news", "hello"]).await.int(), 1);
    assert_eq!(client.receive().await.unwrap().items()[2].text(), "hello");
    node.link().cut().await;
    client.receive().await.expect_err("the link is gone");
    cluster.wait_until_agreed().await;
}
