//! The runtimes of a store: none, one that cannot connect, and several, one after the other.

use std::time::Duration;

use session_core::{
    Expiry, LoadOptions, Principal, SessionId,
    model::{EndReason, OpId},
    store::{CreateOutcome, Destroy, NewSession, Rotation, RotationKind, SessionStore as _, TouchOptions, Update},
};
use session_redis::{RedisConfig, RedisStore, Sentinel};
use session_testkit::{Cluster, SentinelTrio, Server};
use tokio::runtime::Builder;

use crate::rig::{TOMBSTONE, configuration, create, guarded, load, now, patient, runtime};

async fn connect(config: RedisConfig) -> RedisStore {
    guarded(RedisStore::builder(config).tombstone(TOMBSTONE).connect()).await.unwrap()
}

/// Two tests with a runtime each share a store in this way.
fn outlives_its_runtime(config: RedisConfig) {
    let (store, id) = runtime().block_on(async {
        let store = connect(config).await;
        let id = create(&store).await;
        (store, id)
    });
    // All deadlines are far away, so none of these calls has waited for one.
    for _ in 0..2 {
        runtime().block_on(async {
            load(&store, &id).await;
            create(&store).await;
            guarded(store.check()).await.unwrap();
            guarded(store.feed().unwrap().subscribe()).await.unwrap();
        });
    }
}

#[test]
fn one_server() {
    let kit = runtime();
    let server = kit.block_on(Server::start());
    outlives_its_runtime(patient(server.url()));
}

#[test]
fn a_cluster() {
    let kit = runtime();
    let cluster = kit.block_on(Cluster::builder().primaries(3).replicas_each(0).start());
    let config = RedisConfig::cluster(cluster.urls());
    outlives_its_runtime(config.call_deadline(Duration::from_secs(300)));
}

#[test]
fn sentinels() {
    let kit = runtime();
    let trio = kit.block_on(SentinelTrio::builder().start());
    let config = RedisConfig::sentinel(trio.sentinel_urls(), Sentinel::new(trio.master_name()));
    outlives_its_runtime(config.call_deadline(Duration::from_secs(300)));
}

/// A call of another runtime waits for the connection while the runtime that opens it ends.
#[test]
fn a_call_that_waits_while_the_runtime_ends() {
    let kit = runtime();
    let server = kit.block_on(Server::start());
    let first = runtime();
    let store = first.block_on(connect(patient(server.url())));
    kit.block_on(server.kill());
    let second = runtime();
    let waiting = second.spawn({
        let store = store.clone();
        async move { create(&store).await }
    });
    second.block_on(tokio::task::yield_now());
    assert!(!waiting.is_finished());
    drop(first);
    kit.block_on(server.restart());
    second.block_on(guarded(waiting)).unwrap();
}

/// Writes a session and waits for the replica.
async fn write_durably(store: &RedisStore) {
    let (id, mut new) = (SessionId::generate().unwrap(), NewSession::generate(Expiry::default()).unwrap());
    new.write.replicas = 1;
    match guarded(store.create(&id, &new)).await.unwrap() {
        CreateOutcome::Created(applied) => assert_eq!(applied.replicas, Some(1)),
        other => panic!("{other:?}"),
    }
}

/// A write that waits for replicas has a connection of its own, which is opened in the runtime of the call and is kept for
/// the next write. It works only while that runtime runs: here one has ended, and one runs no longer.
#[test]
fn connections_of_other_runtimes_for_durable_writes() {
    let kit = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (primary, replica) = kit.block_on(async {
        let primary = Server::start().await;
        let replica = Server::builder().replica_of(&primary).start().await;
        replica.wait_for_primary_link().await;
        (primary, replica)
    });
    // The runtime of the supervised connection goes on.
    let store = kit.block_on(connect(patient(primary.url())));
    runtime().block_on(write_durably(&store));
    let idle = runtime();
    idle.block_on(write_durably(&store));
    for _ in 0..2 {
        runtime().block_on(write_durably(&store));
    }
    idle.block_on(write_durably(&store));
    drop(replica);
}

/// Nor is such a connection used when the supervised one has ended with its runtime too.
#[test]
fn a_store_for_durable_writes_outlives_its_runtime() {
    let kit = runtime();
    let (primary, _replica) = kit.block_on(async {
        let primary = Server::start().await;
        let replica = Server::builder().replica_of(&primary).start().await;
        replica.wait_for_primary_link().await;
        (primary, replica)
    });
    let store = runtime().block_on(async {
        let store = connect(patient(primary.url())).await;
        write_durably(&store).await;
        store
    });
    for _ in 0..2 {
        runtime().block_on(write_durably(&store));
    }
}

/// Every call, and none of them waits or panics.
async fn every_call(store: &RedisStore) -> Vec<String> {
    let id = SessionId::generate().unwrap();
    let new = NewSession::generate(Expiry::default()).unwrap();
    let op = || OpId::generate().unwrap();
    let update = Update::new(op(), Default::default());
    let rotation = Rotation::new(op(), id.generate_sibling().unwrap(), RotationKind::Renew);
    let principal = Principal::new("alice").unwrap();
    let (index, lock) = (store.index().unwrap(), store.lock().unwrap());
    vec![
        configuration(store.create(&id, &new).await),
        configuration(store.load(&id, LoadOptions::default()).await),
        configuration(store.apply(&id, &update).await),
        configuration(store.touch(&id, TouchOptions::default()).await),
        configuration(store.rotate(&id, &rotation).await),
        configuration(store.destroy(&id, &Destroy::new(op(), EndReason::Logout)).await),
        configuration(store.check().await),
        configuration(store.feed().unwrap().subscribe().await),
        configuration(index.sessions(&principal, 1).await),
        configuration(index.revoke_all(&principal, None, EndReason::Revoked).await),
        configuration(lock.acquire(&id, op(), TOMBSTONE).await),
    ]
}

#[test]
fn without_a_runtime() {
    let kit = runtime();
    let server = kit.block_on(Server::start());
    let error = configuration(now(RedisStore::connect(&server.url())));
    assert!(error.contains("calls need a Tokio runtime"), "{error}");
    let store = kit.block_on(connect(patient(server.url())));
    for error in now(every_call(&store)) {
        assert!(error.contains("calls need a Tokio runtime"), "{error}");
    }
    kit.block_on(create(&store));
}

#[test]
fn on_a_runtime_without_timers_or_sockets() {
    let kit = runtime();
    let server = kit.block_on(Server::start());
    let store = kit.block_on(connect(patient(server.url())));
    let bare = Builder::new_current_thread().build().unwrap();
    let without_io = Builder::new_current_thread().enable_time().build().unwrap();
    let without_time = Builder::new_current_thread().enable_io().build().unwrap();
    for runtime in [&bare, &without_io, &without_time] {
        let error = configuration(runtime.block_on(RedisStore::connect(&server.url())));
        assert!(error.contains("enable_all"), "{error}");
    }
    for runtime in [&bare, &without_time] {
        for error in runtime.block_on(every_call(&store)) {
            assert!(error.contains("enable_all"), "{error}");
        }
    }
    // The connection is open, so that no call needs to open a socket. A subscription does.
    kit.block_on(create(&store));
    let error = configuration(without_io.block_on(store.feed().unwrap().subscribe()));
    assert!(error.contains("enable_all"), "{error}");
    drop(kit);
    let error = configuration(without_io.block_on(store.check()));
    assert!(error.contains("enable_all"), "{error}");
    runtime().block_on(create(&store));
}
