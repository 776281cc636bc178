//! Futures are dropped, by the thousand, at any point.

use std::time::Duration;

use futures_util::future::{Either, select};
use session_core::store::SessionStore as _;
use session_redis::RedisStore;

use crate::{
    rig::{config, connect, found, guarded, start, until},
    writer::Writer,
};

const WRITERS: usize = 24;
const STEPS: usize = 150;

/// Polls a future, and drops it after a random time unless it is ready.
async fn impatient<T>(work: impl Future<Output = T>, random: &mut fastrand::Rng) -> Option<T> {
    let patience = match random.u8(..3) {
        // The request may not even have been sent.
        0 => Duration::ZERO,
        _ => Duration::from_micros(random.u64(..3_000)),
    };
    let (work, patience) = (std::pin::pin!(work), std::pin::pin!(tokio::time::sleep(patience)));
    match select(work, patience).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

async fn hurry(store: RedisStore, mut writer: Writer, seed: u64) -> (Writer, usize) {
    let (mut random, mut dropped) = (fastrand::Rng::with_seed(seed), 0);
    for _ in 0..STEPS {
        match impatient(writer.step(&store), &mut random).await {
            Some(outcome) => outcome.unwrap(),
            None => dropped += 1,
        }
        // A reply that belongs to another call would be the record of another writer.
        match impatient(found(&store, &writer.id), &mut random).await {
            Some(found) => drop(writer.recognize(&found.record)),
            None => dropped += 1,
        }
        if random.u8(..4) == 0 {
            dropped += usize::from(impatient(store.touch(&writer.id, Default::default()), &mut random).await.is_none());
        }
    }
    writer.settle(&store).await;
    (writer, dropped)
}

async fn storm(store: &RedisStore) {
    let mut tasks = Vec::new();
    for (seed, writer) in (0..).zip(Writer::crowd(store, WRITERS).await) {
        tasks.push(tokio::spawn(hurry(store.clone(), writer, seed)));
    }
    let mut dropped = 0;
    for task in tasks {
        let (writer, of_it) = guarded("a writer ends", task).await.unwrap();
        dropped += of_it;
        assert_eq!(writer.look(store).await, Some(writer.done()));
    }
    assert!(dropped > 1_000, "only {dropped} futures were dropped");
    until("no call is under way", || store.stats().in_flight == 0).await;
}

/// Each session has its own content, once, and no place among the calls in flight is leaked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_by_the_thousand() {
    let (_server, store) = start().await;
    storm(&store).await;
}

/// The same with exactly as many places as callers: a leaked one would show.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_place_is_lost() {
    let (server, _) = start().await;
    let store = connect(config(server.url()).max_in_flight(WRITERS)).await;
    storm(&store).await;
    assert_eq!(store.stats().overloaded, 0);
}
