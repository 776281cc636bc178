//! Making a store.

use std::{sync::Arc, time::Duration};

use redis::Value as Reply;
use session_core::{
    Error, ErrorKind, Limits,
    defaults::{TOMBSTONE, TOMBSTONE_CALLS},
    store::Origin,
};

use crate::{
    RedisConfig, RedisStore, Topology, defaults,
    feed::{Channels, Feed, FeedOptions},
    greeter::Greeter,
    hints::Hints,
    inner::Inner,
    layout::Layout,
    net::{Net, Resend, Setup, Slot},
    recent::Recent,
    settings::Settings,
    tags::slot_of_key,
};

/// A store to be. Each setting says what it costs; [`RedisConfig`] has those of the connections.
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisStoreBuilder {
    config: RedisConfig,
    limits: Limits,
    tombstone: Duration,
    message_delta_bytes: usize,
    subscriber_buffer: usize,
}

impl RedisStoreBuilder {
    pub(crate) fn new(config: RedisConfig) -> Self {
        Self {
            config,
            limits: Limits::default(),
            tombstone: TOMBSTONE,
            message_delta_bytes: defaults::MESSAGE_DELTA_BYTES,
            subscriber_buffer: defaults::SUBSCRIBER_BUFFER,
        }
    }

    /// Where the servers are and how they are talked to.
    pub fn config(self, config: RedisConfig) -> Self {
        Self { config, ..self }
    }

    /// What is refused as too large. All nodes should have the same.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How long a destroyed session is remembered: 10 minutes by default, at least ten call deadlines. Longer: each takes
    /// about 150 bytes for longer. Shorter: creates that were delayed are let in sooner.
    pub fn tombstone(self, tombstone: Duration) -> Self {
        Self { tombstone, ..self }
    }

    /// The largest delta that travels with its change, encoded, in bytes: 4 KiB by default; 0 sends none. Larger: other
    /// nodes can patch their copies in more cases, and every change is sent to every subscriber at that size.
    pub fn message_delta_bytes(self, bytes: usize) -> Self {
        Self { message_delta_bytes: bytes, ..self }
    }

    /// How many changes wait for a subscriber that does not keep up: 8,192 by default, twice the number of partitions at
    /// least. One more replaces them all by a gap. More: more memory for each subscription.
    pub fn subscriber_buffer(self, changes: usize) -> Self {
        Self { subscriber_buffer: changes, ..self }
    }

    /// Connects, checks the permissions, loads the scripts, and checks that the store is laid out as configured.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration), at once: a setting out of range, a wrong password or certificate, a
    /// permission that lacks, another number of partitions. [`Unavailable`](ErrorKind::Unavailable): no server answered
    /// within a call deadline.
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no store.
    pub async fn connect(self) -> Result<RedisStore, Error> {
        let refuse =
            |message| Error::new(ErrorKind::Configuration, message).with_backend("redis").with_operation("connect");
        if self.tombstone < self.config.call_deadline * TOMBSTONE_CALLS {
            return Err(refuse("tombstones must stand for ten call deadlines at least; raise `tombstone`"));
        }
        let database = Setup::new(&self.config)?.database();
        let is_cluster = matches!(self.config.topology, Topology::Cluster);
        let (call_deadline, health_interval) = (self.config.call_deadline, self.config.health_interval);
        let config = Arc::new(self.config);
        let layout = Layout::new(&config.prefix, database, config.partitions);
        let settings = Settings {
            limits: self.limits,
            tombstone: self.tombstone,
            message_delta_bytes: self.message_delta_bytes,
            origin: Origin::generate()?,
            publish: if is_cluster { "SPUBLISH" } else { "PUBLISH" },
        };
        let greeter = Arc::new(Greeter::new(&layout, is_cluster, settings.publish));
        let net = Net::connect(config, greeter.clone()).await?;
        let options = FeedOptions {
            queue_items: self.subscriber_buffer,
            deadline: call_deadline,
            health_interval,
            ..FeedOptions::default()
        };
        let feed = Feed::new(Arc::new(net.clone()), Channels::of(&layout, is_cluster), options, settings.origin);
        let (hints, recent) = (Hints::default(), Recent::default());
        let inner = Arc::new(Inner { net, feed, layout, settings, hints, recent });
        inner.declare().await?;
        greeter.complete(Arc::downgrade(&inner));
        Ok(RedisStore { inner })
    }
}

impl Inner {
    /// Says how the store is laid out, or finds that it is laid out otherwise.
    async fn declare(&self) -> Result<(), Error> {
        let (key, declared) = self.layout.declaration();
        let slot = Slot::new(slot_of_key(key.as_bytes()));
        // Reading first: a server that is short of memory refuses to set what is set already.
        let mut get = redis::cmd("GETEX");
        get.arg(&key).arg("PERSIST");
        let mut reply = self.net.command(slot, &get, Resend::Harmless).await;
        if matches!(reply, Ok(Reply::Nil)) {
            let mut set = redis::cmd("SET");
            set.arg(&key).arg(&declared).arg("NX").arg("GET");
            reply = self.net.command(slot, &set, Resend::Harmless).await;
        }
        let refuse = |message: String| {
            Err(Error::new(ErrorKind::Configuration, message).with_backend("redis").with_operation("connect"))
        };
        match reply.map_err(|failure| failure.into_error("connect", true))? {
            Reply::Nil => Ok(()),
            Reply::BulkString(found) if found == declared.as_bytes() => Ok(()),
            Reply::BulkString(found) => {
                let found = String::from_utf8_lossy(&found).into_owned();
                match found.split_once(':') {
                    Some(("1", partitions)) if partitions.parse::<u32>().is_ok() => refuse(format!(
                        "the sessions under this prefix are in {partitions} partitions, and this store is set to {}; \
                         set `partitions` to {partitions}, or take another prefix",
                        self.layout.partitions().len()
                    )),
                    _ => refuse(
                        "the sessions under this prefix were written by another version; take another prefix".into(),
                    ),
                }
            }
            _ => refuse("the key that tells the layout holds something else; take another prefix".into()),
        }
    }
}
