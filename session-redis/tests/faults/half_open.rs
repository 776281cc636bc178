//! A middlebox drops the connection: both ends believe that it is open, and nothing comes over it.

use session_core::store::SessionStore as _;
use session_testkit::{LinkCutter, Server};

use crate::{
    rig::{HASTE, config, connect, done, hasty, until},
    writer::{Load, OnError, Writer},
};

/// Calls end at their deadline, and succeed again as soon as there is a new connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_under_load() {
    let server = Server::start().await;
    let cutter = LinkCutter::to(server.addr()).await;
    let (store, patient) = (connect(hasty(cutter.url())).await, connect(config(server.url())).await);
    let load = Load::start(&store, Writer::crowd(&patient, 4).await, OnError::Retry);
    for round in 1..=2 {
        load.progress(50).await;
        cutter.half_open();
        let probe = tokio::time::timeout(HASTE * 5, store.check()).await;
        assert!(probe.expect("a call keeps its deadline").is_err());
        load.failures(4).await;
        until("the link is given up", || store.stats().half_open >= round).await;
        cutter.heal().await;
        load.progress(50).await;
    }
    load.check(&patient).await;
}

/// Only the old connection is dead: the store detects it without any call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_at_rest() {
    let server = Server::start().await;
    let cutter = LinkCutter::to(server.addr()).await;
    let (store, patient) = (connect(hasty(cutter.url())).await, connect(config(server.url())).await);
    let mut writer = Writer::begin(&patient, 0).await;
    cutter.forget_open_links();
    until("the link is given up and replaced", || store.stats().reconnects == 1).await;
    assert_eq!(store.stats().half_open, 1);
    done(store.check().await);
    done(writer.step(&patient).await);
    writer.check(&patient).await;
}
