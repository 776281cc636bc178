//! The server CPU time per message, where many messages leave in one write.

use futures_util::StreamExt as _;
use redis::{Pipeline, aio::MultiplexedConnection};
use session_testkit::Server;
use tokio::task::AbortHandle;

use super::{Meter, Reading};
use crate::plain;

const CHANNEL: &str = "messages";
/// The length of the message of a small update.
const LENGTH: usize = 160;
/// The messages of one pipeline.
const TOGETHER: usize = 250;

/// One server, one publisher and some subscribers, all of them bare redis-rs.
#[derive(Debug)]
pub struct Messages {
    meter: Meter,
    publisher: MultiplexedConnection,
    subscribers: Vec<AbortHandle>,
    _server: Server,
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.subscribers.iter().for_each(AbortHandle::abort);
    }
}

impl Messages {
    /// Connects all of them.
    pub async fn start(subscribers: usize) -> Self {
        let server = Server::start().await;
        let publisher = plain::connect(&server).await;
        let mut listening = Vec::new();
        for _ in 0..subscribers {
            let mut subscriber = plain::client(&server).get_async_pubsub().await.expect("a subscriber");
            subscriber.subscribe(CHANNEL).await.expect("subscribed");
            let mut messages = subscriber.into_on_message();
            listening.push(tokio::spawn(async move { while messages.next().await.is_some() {} }).abort_handle());
        }
        let meter = Meter::of([&server]).await;
        Self { meter, publisher, subscribers: listening, _server: server }
    }

    /// Publishes this many messages.
    pub async fn publish(&mut self, count: usize) -> Reading {
        let mut all = Pipeline::with_capacity(TOGETHER);
        for _ in 0..TOGETHER {
            all.cmd("PUBLISH").arg(CHANNEL).arg(&[7_u8; LENGTH][..]).ignore();
        }
        let mut publisher = self.publisher.clone();
        let work = async {
            for _ in 0..count / TOGETHER {
                let () = all.query_async(&mut publisher).await.expect("published");
            }
        };
        self.meter.each(count, work).await
    }
}
