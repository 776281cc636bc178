//! The server ends the connections of all clients.

use std::time::Duration;

use crate::{
    rig::{guarded, start, until},
    writer::{Load, OnError, Writer},
};

/// Under load, again and again, and until answers were lost of updates that had been applied.
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
            // While the server sleeps requests come in, and then the kill behind them: it does the requests, and ends
            // the connection before it answers.
            sleeper.send(&["DEBUG", "SLEEP", "0.05"]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            // The kit itself is another user.
            killer.send(&["CLIENT", "KILL", "TYPE", "normal", "USER", "default"]).await.unwrap();
            for connection in [&mut sleeper, &mut killer] {
                connection.receive().await.unwrap();
            }
            // It is killed while it is used, so it is missed at once.
            until("the connection is replaced", || store.stats().reconnects >= round).await;
        }
    };
    guarded("the answers of some updates are lost", rounds).await;
    load.progress(40).await;
    load.check(&store).await;
}
