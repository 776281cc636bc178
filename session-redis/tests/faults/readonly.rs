//! The server becomes a replica, and a primary again.

use std::time::Duration;

use session_core::{ErrorKind, LoadOptions, store::SessionStore as _};
use session_testkit::Server;

use crate::{
    rig::{connect, create, found, guarded, hasty, kind, new, start},
    writer::{Load, OnError, Writer},
};

/// A write that is refused meanwhile is applied once, later, on the same store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demoted_and_promoted_again() {
    let (server, patient) = start().await;
    let writers = Writer::crowd(&patient, 4).await;
    let (id, _) = create(&patient, &new()).await;
    let store = connect(hasty(server.url())).await;
    // Another primary of the same history, so that nothing is lost by following it.
    let other = Server::builder().replica_of(&server).start().await;
    other.wait_for_primary_link().await;
    other.command(&["REPLICAOF", "NO", "ONE"]).await.expect("REPLICAOF");

    let load = Load::start(&store, writers, OnError::Retry);
    load.progress(50).await;
    // The other server does not have writes from here on: the load must end before the server follows it.
    let mut writers = load.end().await;
    for writer in &mut writers {
        guarded("a writer settles", writer.settle(&store)).await;
    }
    let copy = Server::builder().replica_of(&server).start().await;
    copy.wait_for_primary_link().await;
    let caught_up =
        || async { (copy.info("master_repl_offset").await? == server.info("master_repl_offset").await?).then_some(()) };
    copy.wait("the replica has all", caught_up).await;
    copy.command(&["REPLICAOF", "NO", "ONE"]).await.expect("REPLICAOF");
    server.command(&["REPLICAOF", "127.0.0.1", &copy.port().to_string()]).await.expect("REPLICAOF");
    server.wait_for_primary_link().await;

    let load = Load::start(&store, writers, OnError::Retry);
    load.failures(4).await;
    assert_eq!(kind(store.check().await), ErrorKind::Unavailable, "a probe fails on a replica");
    assert_eq!(kind(store.touch(&id, Default::default()).await), ErrorKind::Unavailable);
    server.command(&["REPLICAOF", "NO", "ONE"]).await.expect("REPLICAOF");
    load.progress(50).await;
    load.check(&patient).await;
    assert!(store.stats().demoted > 0, "the demotion was noticed");
}

/// Its data are those of another time, and destroyed sessions may still be there. The next health check is far away.
#[tokio::test]
async fn a_demoted_server_answers_no_load() {
    let (server, _) = start().await;
    let store = connect(hasty(server.url()).health_interval(Duration::from_secs(3_600))).await;
    let (id, _) = create(&store, &new()).await;
    found(&store, &id).await;
    // A primary that cannot be reached, so that the data stay.
    server.command(&["REPLICAOF", "127.0.0.1", "1"]).await.expect("REPLICAOF");
    assert_eq!(kind(store.load(&id, LoadOptions::default()).await), ErrorKind::Unavailable);
    server.command(&["REPLICAOF", "NO", "ONE"]).await.expect("REPLICAOF");
    found(&store, &id).await;
    assert_eq!(store.stats().demoted, 1, "the refusal made the store look for the primary");
}
