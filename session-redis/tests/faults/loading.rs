//! The server takes long to load its data.

use std::time::Duration;

use session_core::{ErrorKind, store::NewSession};
use session_testkit::{Persistence, Server};

use crate::{
    rig::{HASTE, config, connect, create, done, found, guarded, hasty, new, until},
    writer::{Load, OnError, Writer},
};

/// Calls wait, and fail as unavailable at their deadline. A call with a long deadline is answered once the data is
/// loaded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loading() {
    let server = Server::builder()
        .persistence(Persistence::Rdb)
        // A tenth of a second for each key, with other requests answered in between.
        .config("key-load-delay", 100_000)
        .config("loading-process-events-interval-bytes", 1_024)
        .start()
        .await;
    let patient = connect(config(server.url()).call_deadline(Duration::from_secs(60))).await;
    let mut writers = Writer::crowd(&patient, 3).await;
    for _ in 0..500 {
        create(&patient, &NewSession { entries: crate::rig::set("ballast", &"x".repeat(1_024)), ..new() }).await;
    }
    let store = connect(hasty(server.url())).await;
    server.command(&["SAVE"]).await.expect("SAVE");
    server.restart_without_waiting().await;
    assert!(server.command(&["DBSIZE"]).await.error().is_some_and(|message| message.starts_with("LOADING")));

    // A read and a write of one node, at the same time as a call with a longer deadline.
    let waiting = tokio::spawn({
        let (patient, id) = (patient.clone(), writers[0].id);
        async move { found(&patient, &id).await }
    });
    let refused = async {
        let load = session_core::store::SessionStore::load(&store, &writers[1].id, Default::default()).await;
        let error = load.expect_err("the server is still loading");
        // The caller has waited as long as in an outage.
        assert_eq!((error.kind(), error.is_answered()), (ErrorKind::Unavailable, false));
        let Err(error) = writers[2].step(&store).await else { panic!("the server is still loading") };
        assert_eq!(error.kind(), ErrorKind::Unavailable, "it was refused, so it is known that nothing happened");
    };
    // Far more than two deadlines, and far less than the loading takes.
    tokio::time::timeout(HASTE * 10, refused).await.expect("calls keep their deadline");
    assert!(server.command(&["DBSIZE"]).await.error().is_some_and(|message| message.starts_with("LOADING")));
    assert!(!waiting.is_finished());

    server.command(&["CONFIG", "SET", "key-load-delay", "0"]).await.expect("CONFIG");
    let there = guarded("the patient call is answered", waiting).await.unwrap();
    assert_eq!(writers[0].recognize(&there.record), 0);
    guarded("the writer settles", writers[2].settle(&store)).await;
    for writer in &mut writers {
        done(writer.step(&patient).await);
        writer.check(&patient).await;
    }
    until("no call is under way", || store.stats().in_flight + patient.stats().in_flight == 0).await;
}

/// Data is loaded while clients are connected, and no call fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loading_under_load() {
    let server = Server::builder()
        .config("key-load-delay", 2_000)
        .config("loading-process-events-interval-bytes", 1_024)
        .start()
        .await;
    let store = connect(config(server.url())).await;
    for _ in 0..200 {
        create(&store, &NewSession { entries: crate::rig::set("ballast", &"x".repeat(1_024)), ..new() }).await;
    }
    let load = Load::start(&store, Writer::crowd(&store, 4).await, OnError::Retry);
    load.progress(20).await;
    server.command(&["DEBUG", "RELOAD"]).await.expect("DEBUG RELOAD");
    load.progress(20).await;
    assert_eq!(load.failed(), 0);
    assert!(store.stats().resends > 0, "no call had to wait");
    load.check(&store).await;
}
