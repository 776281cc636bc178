//! The server loses the declared layout, together with all sessions.

use std::time::Duration;

use session_core::{ErrorKind, store::SessionStore as _};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{Cluster, Reply, Server};

use crate::rig::{PREFIX, config, connect, create, done, draw, guarded, kind, load, new};

const LAYOUT: &str = "faults:layout";

fn hurried(config: RedisConfig) -> RedisConfig {
    config.health_interval(Duration::from_millis(20))
}

/// Waits until a store has declared its layout, and returns the layout.
async fn declared(server: &Server) -> String {
    let found = async || {
        let reply = server.command(&["GET", LAYOUT]).await;
        matches!(reply, Reply::Bulk(_)).then(|| reply.text())
    };
    server.wait("the layout is declared again", found).await
}

/// A store of another number of partitions is refused, and the message names the number in use.
async fn refused(server: &Server) {
    let other = RedisStore::builder(config(server.url()).partitions(64)).connect().await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Configuration, "{other:?}");
    assert!(other.to_string().contains("256 partitions"), "{other}");
}

/// Waits until the store answers everything as this kind of error.
async fn stopped(store: &RedisStore) {
    guarded("the store stops", async {
        while store.load(&draw(), Default::default()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let error = store.create(&draw(), &new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
    assert!(error.to_string().contains("64 partitions"), "{error}");
    assert_eq!(kind(store.check().await), ErrorKind::Configuration);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_that_was_flushed_is_declared_again() {
    let server = Server::start().await;
    let store = connect(hurried(config(server.url()))).await;
    server.command(&["FLUSHALL"]).await;
    assert_eq!(declared(&server).await, "1:256");
    refused(&server).await;
    create(&store, &new()).await;
}

/// A restart without saved data, or a failover to an empty server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_server_gets_the_layout_before_its_first_call() {
    let server = Server::start().await;
    let store = connect(config(server.url()).health_interval(Duration::from_secs(600))).await;
    server.kill().await;
    server.restart().await;
    done(store.check().await);
    assert_eq!(server.command(&["GET", LAYOUT]).await.text(), "1:256");
    refused(&server).await;
}

/// Two stores of different layouts would not find each other's sessions. The one that comes too late stops, and goes on
/// when the layout is its own again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_meets_another_layout_stops() {
    let server = Server::start().await;
    let store = connect(hurried(config(server.url()))).await;
    let (id, _) = create(&store, &new()).await;
    server.command(&["SET", LAYOUT, "1:64"]).await;
    stopped(&store).await;
    connect(config(server.url()).partitions(64)).await;
    server.command(&["SET", LAYOUT, "1:256"]).await;
    guarded("the store goes on", async {
        while store.check().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    load(&store, &id).await;
}

/// One primary has the layout. The store stops at all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_a_cluster_stops_at_every_primary() {
    let cluster = Cluster::start(3, 0).await;
    let base = || RedisConfig::cluster(cluster.urls()).prefix(PREFIX).call_deadline(Duration::from_secs(20));
    let store = connect(hurried(base())).await;
    let mut owner = None;
    for node in cluster.nodes() {
        if node.server().command(&["SET", LAYOUT, "1:64"]).await.is_ok() {
            owner = Some(node.server());
        }
    }
    let owner = owner.expect("a primary has the slot");
    guarded("the store stops at every primary", async {
        loop {
            let mut stopped = 0;
            for _ in 0..32 {
                let outcome = store.load(&draw(), Default::default()).await;
                stopped += usize::from(outcome.is_err_and(|error| error.kind() == ErrorKind::Configuration));
            }
            if stopped == 32 {
                return;
            }
        }
    })
    .await;
    owner.command(&["SET", LAYOUT, "1:256"]).await;
    guarded("the store goes on", async {
        while store.load(&draw(), Default::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
