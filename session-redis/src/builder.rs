//! Builds a store.

use std::{sync::Arc, time::Duration};

use redis::Value as Reply;
use session_core::{
    Error, ErrorKind, Limits,
    defaults::{TOMBSTONE, TOMBSTONE_CALLS},
    model::Timestamp,
    store::Origin,
};

use crate::{
    RedisConfig, RedisStore, Topology,
    connection_setup::ConnectionSetup,
    counter::Counter,
    defaults,
    error_context::ErrorContext as _,
    feed::{Channels, Feed, FeedOptions},
    layout::Layout,
    net::{CheckedConfig, Failure, HashSlot, Net, Resend},
    operation::Operation,
    principal_cache::PrincipalCache,
    recent_destroys::RecentDestroys,
    settings::Settings,
    store_inner::StoreInner,
    tags::slot_of_key,
};

/// Builds a store. Each setting documents its cost; [`RedisConfig`] has the settings of the connections.
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

    /// Sets how the servers are reached.
    pub fn config(self, config: RedisConfig) -> Self {
        Self { config, ..self }
    }

    /// Sets the limits above which changes are refused. All nodes should have the same limits.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets how long a destroyed session is remembered: 10 minutes by default, at least ten call deadlines. Longer: each
    /// tombstone takes about 150 bytes for longer. Shorter: delayed creates are accepted sooner.
    pub fn tombstone(self, tombstone: Duration) -> Self {
        Self { tombstone, ..self }
    }

    /// Sets the largest delta that is published with its change, in encoded bytes: 4 KiB by default; 0 publishes none.
    /// Larger: other nodes can patch their copies in more cases, and every change is sent to every subscriber at that
    /// size.
    pub fn message_delta_bytes(self, bytes: usize) -> Self {
        Self { message_delta_bytes: bytes, ..self }
    }

    /// Sets how many changes wait for a slow subscriber: 8,192 by default, at least twice the number of partitions. When
    /// the buffer overflows, a gap replaces all of them. More: more memory for each subscription.
    pub fn subscriber_buffer(self, changes: usize) -> Self {
        Self { subscriber_buffer: changes, ..self }
    }

    /// Connects, checks the permissions, loads the scripts, and checks that the store is laid out as configured.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration), at once: a setting out of range, a wrong password or certificate, a
    /// missing permission, another number of partitions. [`Unavailable`](ErrorKind::Unavailable): no server answered
    /// within a call deadline.
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no store.
    pub async fn connect(self) -> Result<RedisStore, Error> {
        self.open().await.during("connect")
    }

    async fn open(self) -> Result<RedisStore, Error> {
        let config = self.config;
        if self.tombstone < config.call_deadline * TOMBSTONE_CALLS {
            return Err(refused("`tombstone` is shorter than ten call deadlines; raise it"));
        }
        let database = CheckedConfig::new(&config)?.database();
        let is_cluster = matches!(config.topology, Topology::Cluster);
        let layout = Layout::new(&config.prefix, database, config.partitions);
        let settings = Settings {
            limits: self.limits,
            tombstone: self.tombstone,
            message_delta_bytes: self.message_delta_bytes,
            origin: Origin::generate()?,
            publish: if is_cluster { "SPUBLISH" } else { "PUBLISH" },
            has_sentinels: matches!(config.topology, Topology::Sentinel(_)),
        };
        let setup = Arc::new(ConnectionSetup::new(&layout, is_cluster, settings.publish));
        let net = Net::connect(&config, setup.clone()).await?;
        let options = FeedOptions {
            queue_items: self.subscriber_buffer,
            deadline: config.call_deadline,
            health_interval: config.health_interval,
            ..FeedOptions::default()
        };
        let feed = Feed::new(Arc::new(net.clone()), Channels::of(&layout, is_cluster), options, settings.origin);
        let (principals, recent_destroys) = (PrincipalCache::default(), RecentDestroys::default());
        let caps_exceeded = Counter::default();
        let inner = Arc::new(StoreInner { net, feed, layout, settings, principals, recent_destroys, caps_exceeded });
        inner.operation().declare_layout().await?;
        inner.operation().read_clock().await;
        setup.complete(Arc::downgrade(&inner));
        Ok(RedisStore { inner })
    }
}

impl Operation<'_> {
    /// Learns the time of a server. A store that does not know it sends its first updates without a limit.
    async fn read_clock(&self) {
        let Some(partition) = self.store.layout.partitions().first() else { return };
        let time = self.command(HashSlot::new(partition.slot), &redis::cmd("TIME"), Resend::Harmless).await;
        let number = |reply: &Reply| match reply {
            Reply::BulkString(digits) => std::str::from_utf8(digits).ok()?.parse::<u64>().ok(),
            _ => None,
        };
        if let Ok(Reply::Array(time)) = time
            && let [Some(seconds), Some(micros)] = time.iter().map(number).collect::<Vec<_>>()[..]
        {
            let millis = seconds.saturating_mul(1_000).saturating_add(micros.div_ceil(1_000));
            self.store.layout.clock.observe(self.deadline, Timestamp::from_millis(millis));
        }
    }

    /// Stores the layout, or checks that the stored one is the same.
    async fn declare_layout(&self) -> Result<(), Error> {
        let layout = &self.store.layout;
        let (key, declared) = layout.declaration();
        let slot = HashSlot::new(slot_of_key(key.as_bytes()));
        // It is read first: a server that is short of memory refuses to set it even if it is set already.
        let mut get = redis::cmd("GETEX");
        get.arg(&key).arg("PERSIST");
        let mut reply = self.command(slot, &get, Resend::Harmless).await;
        if matches!(reply, Ok(Reply::Nil)) {
            let mut set = redis::cmd("SET");
            set.arg(&key).arg(&declared).arg("NX").arg("GET");
            reply = self.command(slot, &set, Resend::Harmless).await;
        }
        match reply.map_err(Failure::into_write_error)? {
            Reply::Nil => Ok(()),
            Reply::BulkString(found) if found == declared.as_bytes() => Ok(()),
            Reply::BulkString(found) => {
                let found = String::from_utf8_lossy(&found).into_owned();
                Err(match found.split_once(':') {
                    Some(("1", partitions)) if partitions.parse::<u32>().is_ok() => refused(format!(
                        "the sessions under this prefix are in {partitions} partitions, and this store is set to {}; \
                         set `partitions` to {partitions}, or choose another prefix",
                        layout.partitions().len()
                    )),
                    _ => refused("another version wrote the sessions under this prefix; choose another prefix"),
                })
            }
            _ => Err(refused("the key of the layout holds something else; choose another prefix")),
        }
    }
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}
