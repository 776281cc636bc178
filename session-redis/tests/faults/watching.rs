//! Watching sessions of the store itself, without a cache and so without its heartbeats.

use std::{collections::HashSet, time::Duration};

use session_core::{Clock as _, Sessions, SystemClock, Watch, WatchEnd, model::EndReason, store::SessionStore as _};
use session_testkit::{LinkCutter, Server};

use crate::rig::{HASTE, config, connect, create, guarded, hasty, new, until};

/// The health interval of [`hasty`].
const HEALTH: Duration = Duration::from_millis(200);

async fn end(watch: Watch) -> WatchEnd {
    guarded("the watch ends", watch).await
}

/// A middlebox forgets the connection: both ends believe that it is open, and the announcement never arrives. The watch
/// ends within the health interval plus the call deadline. A new watch then finds the session gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_not_vouched_for() {
    let server = Server::start().await;
    let cutter = LinkCutter::to(server.addr()).await;
    let (store, patient) = (connect(hasty(cutter.url())).await, connect(config(server.url())).await);
    let (id, _) = create(&patient, &new()).await;
    let sessions = Sessions::new(store);
    let watch = sessions.watch(&id).await.unwrap();
    cutter.half_open();
    let dead_since = SystemClock.now();
    Sessions::new(patient).destroy(&id).await.unwrap();
    let WatchEnd::Interrupted(Some(_)) = end(watch).await else { panic!("the connection is dead") };
    let noticed = SystemClock.now().since(dead_since);
    assert!(noticed < 3 * (HEALTH + HASTE), "noticed after {noticed:?}");
    cutter.heal().await;
    let gone = loop {
        // The first attempts may still meet the dead link.
        match sessions.watch(&id).await {
            Ok(watch) => match end(watch).await {
                WatchEnd::Interrupted(_) => {}
                gone => break gone,
            },
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    };
    let WatchEnd::Ended(ended) = gone else { panic!("{gone:?}") };
    assert_eq!(ended.reason, EndReason::Logout);
}

/// The server restarts. Every watch ends, and the same `Sessions` can watch again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_ends_all_watches() {
    let server = Server::start().await;
    let store = connect(hasty(server.url())).await;
    let sessions = Sessions::new(store.clone());
    let mut watches = Vec::new();
    for _ in 0..20 {
        let (id, _) = create(&store, &new()).await;
        watches.push(sessions.watch(&id).await.unwrap());
    }
    server.kill().await;
    for watch in watches {
        let WatchEnd::Interrupted(Some(_)) = end(watch).await else { panic!("the connection is lost") };
    }
    server.restart().await;
    guarded("the store is back", async { while store.check().await.is_err() {} }).await;
    let (id, _) = create(&store, &new()).await;
    loop {
        let watch = sessions.watch(&id).await.unwrap();
        sessions.destroy(&id).await.unwrap();
        match end(watch).await {
            WatchEnd::Ended(ended) => break assert_eq!(ended.reason, EndReason::Logout),
            WatchEnd::Interrupted(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Any number of watches needs one more connection to the server. It is closed with the last watch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_watches_share_one_connection() {
    let server = Server::start().await;
    let cutter = LinkCutter::to(server.addr()).await;
    let store = connect(config(cutter.url())).await;
    let before = cutter.open_links();
    let sessions = Sessions::new(store.clone());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let (sessions, store) = (sessions.clone(), store.clone());
        tasks.spawn(async move {
            let (id, _) = create(&store, &new()).await;
            (id, sessions.watch(&id).await.unwrap())
        });
    }
    let watched = tasks.join_all().await;
    assert_eq!(watched.iter().map(|(id, _)| id).collect::<HashSet<_>>().len(), 200);
    assert_eq!((cutter.open_links(), cutter.accepted_links()), (before + 1, before as u64 + 1));
    let mut watches = watched.into_iter();
    let (id, watch) = watches.next().unwrap();
    sessions.destroy(&id).await.unwrap();
    assert!(matches!(end(watch).await, WatchEnd::Ended(_)));
    assert_eq!(cutter.open_links(), before + 1);
    drop(watches);
    until("the subscription ends with the last watch", || cutter.open_links() == before).await;
}
