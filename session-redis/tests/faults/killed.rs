//! The server closes the connections of all clients.

use std::time::Duration;

use crate::{
    rig::{guarded, start, until},
    writer::{Load, OnError, Writer},
};

/// Under load, repeatedly, and until answers of applied updates were lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_killed() {
    let (server, store) = start().await;
    let load = Load::start(&store, Writer::crowd(&store, 8).await, OnError::Retry);
    let (mut sleeper, mut killer) = (server.connect().await.unwrap(), server.connect().await.unwrap());
    let rounds = async {
        let mut round = 0;
        while round < 10 || load.repeated() == 0 {
            round += 1;
            load.progress(40).await;
            // While the server sleeps, requests arrive, followed by the kill: it executes the requests and closes the
            // connection before it answers.
            sleeper.send(&["DEBUG", "SLEEP", "0.05"]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            // The test kit uses another user.
            killer.send(&["CLIENT", "KILL", "TYPE", "normal", "USER", "default"]).await.unwrap();
            for connection in [&mut sleeper, &mut killer] {
                connection.receive().await.unwrap();
            }
            // The connection is killed while it is used, so the loss is detected at once.
            until("the connection is replaced", || store.stats().reconnects >= round).await;
        }
    };
    guarded("the answers of some updates are lost", rounds).await;
    load.progress(40).await;
    load.check(&store).await;
}
