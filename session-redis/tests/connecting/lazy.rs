//! A store that connects in the background.

use std::time::Duration;

use session_core::{ErrorKind, LoadOptions, store::SessionStore as _};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{Cluster, LinkCutter, Server};

use crate::rig::{LONG, TOMBSTONE, configuration, create, guarded, load, patient, runtime};

fn lazy(config: RedisConfig) -> RedisStore {
    RedisStore::builder(config).tombstone(TOMBSTONE).connect_lazy().unwrap()
}

#[tokio::test]
async fn it_serves_when_the_server_is_there() {
    let server = Server::start().await;
    server.kill().await;
    let store = lazy(patient(server.url()));
    let hasty = lazy(patient(server.url()).call_deadline(Duration::from_millis(100)));
    let error = guarded(hasty.check()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_answered()), (ErrorKind::Unavailable, false));
    let text = error.to_string().to_lowercase();
    assert!(text.contains(&server.addr().to_string()) && text.contains("refused"), "{text}");
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { create(&store).await }
    });
    server.restart().await;
    let id = guarded(waiting).await.unwrap();
    guarded(store.check()).await.unwrap();
    load(&store, &id).await;
    load(&hasty, &id).await;
}

/// On a runtime it does not wait for the first call.
#[tokio::test]
async fn it_begins_to_connect_at_once() {
    let server = Server::start().await;
    let link = LinkCutter::to(server.addr()).await;
    let _store = lazy(patient(link.url()));
    link.wait_for_accepted(1).await;
}

#[tokio::test]
async fn a_cluster_that_is_not_there_yet() {
    let cluster = Cluster::builder().primaries(3).replicas_each(0).start().await;
    for node in cluster.nodes() {
        node.server().kill().await;
    }
    let config = RedisConfig::cluster(cluster.urls()).call_deadline(Duration::from_secs(300));
    let hasty = lazy(config.clone().call_deadline(Duration::from_millis(100)));
    let error = guarded(hasty.check()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("refused"), "{error}");
    let store = lazy(config);
    let waiting = tokio::spawn(async move { create(&store).await });
    for node in cluster.nodes() {
        node.server().restart().await;
    }
    guarded(waiting).await.unwrap();
}

/// Such as in a `static`. The first call connects.
#[test]
fn outside_of_a_runtime() {
    let kit = runtime();
    let server = kit.block_on(Server::start());
    let store = RedisStore::connect_lazy(&server.url()).unwrap();
    let id = runtime().block_on(create(&store));
    runtime().block_on(load(&store, &id));
}

#[test]
fn settings_are_checked_at_once() {
    assert!(configuration(RedisStore::connect_lazy("localhost")).contains("has no scheme"));
    let config = RedisConfig::standalone("redis://localhost").partitions(3);
    assert!(configuration(RedisStore::builder(config).connect_lazy()).contains("power of two"));
}

/// All deadlines are far away.
#[tokio::test]
async fn a_permanent_refusal_fails_calls_at_once() {
    let server = Server::builder().password("right").start().await;
    let store = lazy(patient(server.url()).password("wrong"));
    let error = configuration(guarded(store.check()).await);
    assert!(error.contains("does not accept the user or the password"), "{error}");
    let cluster = Cluster::builder().primaries(1).replicas_each(0).each(|node| node.password("right")).start().await;
    let config = RedisConfig::cluster(cluster.urls()).password("wrong").call_deadline(Duration::from_secs(300));
    let error = configuration(guarded(lazy(config).check()).await);
    assert!(error.contains("does not accept the user or the password"), "{error}");
}

/// A store with another number of partitions would look for sessions where they are not, and report them as absent.
#[tokio::test]
async fn the_layout_is_checked_before_the_first_request() {
    let server = Server::start().await;
    let right = lazy(patient(server.url()).partitions(256));
    let id = create(&right).await;
    let wrong = lazy(patient(server.url()).partitions(64));
    let calls = [
        configuration(guarded(wrong.load(&id, LoadOptions::default())).await),
        configuration(guarded(wrong.check()).await),
        configuration(guarded(wrong.touch(&id, Default::default())).await),
    ];
    for error in calls {
        assert!(error.contains("set `partitions` to 256"), "{error}");
    }
    load(&right, &id).await;
}

/// Many nodes start at the same time, and the server is slow to accept them.
#[tokio::test]
async fn the_start_has_a_deadline_of_its_own() {
    let server = Server::start().await;
    server.kill().await;
    let short = patient(server.url()).call_deadline(Duration::from_millis(100));
    let patient = RedisStore::builder(short.clone().start_deadline(LONG)).connect();
    let patient = tokio::spawn(patient);
    let error = guarded(RedisStore::builder(short).connect()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "after its call deadline");
    assert!(!patient.is_finished());
    server.restart().await;
    guarded(patient).await.unwrap().unwrap();
}
