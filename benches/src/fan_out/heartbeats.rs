//! Heartbeats, and the smallest possible request.

use std::sync::Arc;

use futures_util::future::join_all;
use redis::{Pipeline, aio::MultiplexedConnection};
use session_core::store::{Barriers, SessionStore as _};
use session_redis::RedisStore;
use session_testkit::Server;
use tokio::task::AbortHandle;

use super::{Meter, Reading};
use crate::plain;

/// The heartbeats of one pipeline, as from a node of a cluster with copies in all of its 256 partitions.
pub(super) const TOGETHER: usize = 250;

/// One server, a feed, and bare redis-rs.
#[derive(Debug)]
pub struct Heartbeats {
    meter: Meter,
    barriers: Arc<dyn Barriers>,
    bare: MultiplexedConnection,
    listening: AbortHandle,
    _store: RedisStore,
    _server: Server,
}

impl Drop for Heartbeats {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Heartbeats {
    /// Starts the server and subscribes.
    pub async fn start() -> Self {
        let server = Server::start().await;
        let store = RedisStore::connect(&server.url()).await.expect("a store");
        let mut subscription = store.feed().expect("a feed").subscribe().await.expect("subscribed");
        let barriers = subscription.barriers().clone();
        let listening = tokio::spawn(async move { while subscription.next().await.is_some() {} }).abort_handle();
        let bare = plain::connect(&server).await;
        let meter = Meter::of([&server]).await;
        Self { meter, barriers, bare, listening, _store: store, _server: server }
    }

    /// Sends `count` heartbeats, `at_once` at a time.
    pub async fn beat(&mut self, count: usize, at_once: usize) -> Reading {
        let barriers = &self.barriers;
        let work = async {
            for _ in 0..count / at_once {
                let asked = (0..at_once).map(|_| barriers.barrier(0));
                join_all(asked).await.into_iter().for_each(|answer| assert!(answer.is_ok(), "{answer:?}"));
            }
        };
        self.meter.each(count, work).await
    }

    /// Sends `count` PINGs, `at_once` in one pipeline.
    pub async fn ping(&mut self, count: usize, at_once: usize) -> Reading {
        let Self { meter, bare, .. } = self;
        let mut pings = Pipeline::with_capacity(at_once);
        for _ in 0..at_once {
            pings.cmd("PING");
        }
        let work = async {
            for _ in 0..count / at_once {
                let answers: Vec<String> = pings.query_async(bare).await.expect("answered");
                assert_eq!(answers.len(), at_once);
            }
        };
        meter.each(count, work).await
    }
}
