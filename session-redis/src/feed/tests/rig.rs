//! A feed of a real server, and a publisher.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use redis::{
    AsyncConnectionConfig, Client,
    aio::{AsyncPushSender, MultiplexedConnection},
};
use session_core::{
    Error, ErrorKind,
    store::{BarrierId, ChangeFeed as _, FeedItem, GapCause, Origin, Subscription},
};
use session_testkit::Server;
use tokio::time::timeout;

use super::{
    super::{Channels, Feed, FeedOptions, FeedTransport, channels::Channel},
    announcement::{Announcement, ORIGIN},
};
use crate::net::{Address, Primary};

pub(super) const PARTITIONS: u16 = 8;

/// No health check happens during the test.
pub(super) fn unasked() -> FeedOptions {
    FeedOptions { health_interval: Duration::from_secs(3_600), ..FeedOptions::default() }
}

/// Primaries that the test names.
pub(super) struct Named {
    primaries: Mutex<Vec<Primary>>,
}

impl Named {
    /// One primary with all slots.
    pub(super) fn one(address: &str) -> Arc<Self> {
        let named = Self { primaries: Mutex::default() };
        named.set(address);
        Arc::new(named)
    }

    pub(super) fn set(&self, address: &str) {
        *self.primaries.lock() = vec![Primary {
            address: Address::redirected(address, &Address::tcp("", 0)).unwrap(),
            slots: vec![0..=16_383],
        }];
    }
}

#[async_trait]
impl FeedTransport for Named {
    async fn primaries(&self) -> Result<Vec<Primary>, Error> {
        Ok(self.primaries.lock().clone())
    }

    async fn dial(&self, address: &Address, push: Arc<dyn AsyncPushSender>) -> Result<MultiplexedConnection, Error> {
        dial(&address.to_string(), push)
            .await
            .map_err(|error| Error::new(ErrorKind::Unavailable, "no connection").with_source(error))
    }

    fn refresh(&self) {}

    fn rewound(&self) {}
}

pub(super) async fn dial(address: &str, push: Arc<dyn AsyncPushSender>) -> redis::RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_push_sender(push);
    let client = Client::open(format!("redis://{address}/?protocol=resp3"))?;
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// The channels of `partitions` partitions, each in a slot of its own on a cluster.
pub(super) fn channels(sharded: bool, tags: impl IntoIterator<Item = (u16, String)>) -> Channels {
    let channel = |(slot, tag): (u16, String)| Channel {
        slot,
        name: format!("t:1:0:{{{tag}}}:c").into(),
        sequence_key: format!("t:1:{{{tag}}}:q").into(),
    };
    Channels::new(sharded, tags.into_iter().map(channel))
}

/// A standalone server and one subscription.
pub(super) struct Rig {
    pub(super) server: Server,
    pub(super) feed: Option<Feed>,
    pub(super) items: Subscription,
}

impl Rig {
    pub(super) async fn new() -> Self {
        Self::with(unasked()).await
    }

    pub(super) async fn with(options: FeedOptions) -> Self {
        let server = Server::start().await;
        let source = Named::one(&server.addr().to_string());
        Self::of(server, source, options).await
    }

    pub(super) async fn of(server: Server, source: Arc<Named>, options: FeedOptions) -> Self {
        let feed = feed(source, options);
        let items = feed.subscribe().await.unwrap();
        Self { server, feed: Some(feed), items }
    }

    /// Does what a script does: a new sequence number, and its message.
    pub(super) async fn publish(&self, partition: u16, sequence: u64) {
        publish(&self.server, partition, sequence).await;
    }

    pub(super) async fn publish_raw(&self, partition: u16, payload: &[u8]) {
        let name = format!("t:1:0:{{{partition}}}:c");
        self.server.command(&[b"PUBLISH", name.as_bytes(), payload]).await.expect("publish");
    }

    pub(super) async fn set_sequence(&self, partition: u16, sequence: u64) {
        set_sequence(&self.server, partition, sequence).await;
    }

    pub(super) async fn barrier(&self, partition: u16) -> Result<BarrierId, Error> {
        self.items.barriers().clone().barrier(partition).await
    }

    pub(super) async fn next(&mut self) -> FeedItem {
        next(&mut self.items).await.expect("the stream has ended")
    }

    pub(super) async fn expect_gap(&mut self, partition: Option<u16>, cause: GapCause) {
        assert_eq!(self.next().await, FeedItem::Gap(partition, cause));
    }

    pub(super) async fn expect_change(&mut self, partition: u16, sequence: u64) {
        match self.next().await {
            FeedItem::Change(change) => assert_eq!((change.partition, change.sequence), (partition, sequence)),
            other => panic!("{other:?}"),
        }
    }

    /// A barrier, and nothing before it.
    pub(super) async fn expect_silence(&mut self, partition: u16) {
        let id = self.barrier(partition).await.unwrap();
        assert_eq!(self.next().await, FeedItem::Barrier(partition, id));
    }
}

pub(super) fn feed(source: Arc<dyn FeedTransport>, options: FeedOptions) -> Feed {
    let tags = (0..PARTITIONS).map(|partition| (partition, partition.to_string()));
    Feed::new(source, channels(false, tags), options, Origin::from(ORIGIN))
}

/// In one step, as the store's scripts do it.
pub(super) async fn publish(server: &Server, partition: u16, sequence: u64) {
    const SCRIPT: &str = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('PUBLISH', ARGV[2], ARGV[3])";
    let (key, name) = (format!("t:1:{{{partition}}}:q"), format!("t:1:0:{{{partition}}}:c"));
    let payload = Announcement::applied(partition, sequence).bytes();
    let number = sequence.to_string();
    let call = [b"EVAL", SCRIPT.as_bytes(), b"1", key.as_bytes(), number.as_bytes(), name.as_bytes(), &payload];
    server.command(&call).await.expect("publish");
}

pub(super) async fn set_sequence(server: &Server, partition: u16, sequence: u64) {
    let key = format!("t:1:{{{partition}}}:q");
    server.command(&["SET", &key, &sequence.to_string()]).await.expect("set");
}

/// The next item. The limit only keeps a broken feed from hanging the tests.
pub(super) async fn next(items: &mut Subscription) -> Option<FeedItem> {
    timeout(Duration::from_secs(30), items.next()).await.expect("nothing came")
}
