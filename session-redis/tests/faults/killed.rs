//! The server ends the connections of all clients.

use crate::{
    rig::{start, until},
    writer::{Load, OnError, Writer},
};

/// Under load, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_killed() {
    let (server, store) = start().await;
    let load = Load::start(&store, Writer::crowd(&store, 8).await, OnError::Retry);
    for round in 1..=20 {
        load.progress(40).await;
        server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        // It is killed while it is used, so it is missed at once.
        until("the connection is replaced", || store.stats().reconnects >= round).await;
    }
    load.progress(40).await;
    load.check(&store).await;
}
