//! Builds a store.

use std::{sync::Arc, time::Duration};

use session_core::{
    Error, ErrorKind, Limits,
    defaults::{TOMBSTONE, TOMBSTONE_CALLS},
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
    layout_check::LayoutCheck,
    net::{CheckedConfig, Failure, Net, check_runtime},
    principal_cache::PrincipalCache,
    recent_destroys::RecentDestroys,
    settings::Settings,
    store_inner::StoreInner,
    unpublished::Unpublished,
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

    /// Connects, checks the permissions, loads the scripts, and checks that the store is laid out as configured. Waits for
    /// the servers for at most [`RedisConfig::start_deadline`].
    ///
    /// It must be called on a Tokio runtime with timers and sockets (`enable_all`); [`RedisStore`] says what happens when
    /// that runtime ends.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration), at once: a setting out of range, a wrong password or certificate, a
    /// missing permission or command, a server that is too old, another number of partitions, no runtime.
    /// [`Unavailable`](ErrorKind::Unavailable): no server answered within the start deadline. The message has the address
    /// and the cause of the last attempt.
    ///
    /// With a [`CredentialsProvider`](crate::CredentialsProvider), a refused password or certificate is not an error at
    /// once: the provider may have others in a moment. The store asks it again until the start deadline, and then fails
    /// as Unavailable, with the refusal as the cause.
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no store.
    pub async fn connect(self) -> Result<RedisStore, Error> {
        self.open().await.during("connect")
    }

    /// Makes a store that connects in the background, and retries until it succeeds. The application starts even if its
    /// servers are not there yet.
    ///
    /// On a Tokio runtime the store begins to connect at once. Elsewhere, for example in a `static`, it begins with its
    /// first call. Each call waits for the servers until its own deadline. As with [`connect`](Self::connect),
    /// permissions and layout are checked before the first request. [`check`](session_core::store::SessionStore::check)
    /// succeeds when the store can serve.
    ///
    /// ```
    /// use session_redis::RedisStore;
    ///
    /// # fn main() -> Result<(), session_core::Error> {
    /// // No server need be there.
    /// let store = RedisStore::connect_lazy("redis://127.0.0.1:6379")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration): a setting out of range. All other errors of `connect` are errors of
    /// the calls instead: a wrong configuration at once, an outage as [`Unavailable`](ErrorKind::Unavailable) at the
    /// deadline of the call.
    pub fn connect_lazy(self) -> Result<RedisStore, Error> {
        let store = self.assemble().during("connect")?;
        // Without a runtime the first call begins.
        store.inner.net.start().ok();
        Ok(store)
    }

    async fn open(self) -> Result<RedisStore, Error> {
        let store = self.assemble()?;
        check_runtime().map_err(Failure::into_read_error)?;
        store.inner.net.ready().await.map_err(Failure::into_read_error)?;
        store.inner.operation().check_layout().await.map_err(Failure::into_read_error)?;
        Ok(store)
    }

    /// Checks the settings. Nothing is connected yet.
    fn assemble(self) -> Result<RedisStore, Error> {
        let config = self.config;
        if self.tombstone < config.call_deadline * TOMBSTONE_CALLS {
            return Err(refused("`tombstone` is shorter than ten call deadlines; raise it"));
        }
        let checked = CheckedConfig::new(&config)?;
        let is_cluster = matches!(config.topology, Topology::Cluster);
        let layout = Layout::new(&config.prefix, checked.database(), config.partitions);
        let settings = Settings {
            limits: self.limits,
            tombstone: self.tombstone,
            message_delta_bytes: self.message_delta_bytes,
            origin: Origin::generate()?,
            publish: if is_cluster { "SPUBLISH" } else { "PUBLISH" },
            has_sentinels: matches!(config.topology, Topology::Sentinel(_)),
        };
        let layout_check = Arc::new(LayoutCheck::new(&layout));
        let setup = Arc::new(ConnectionSetup::new(&layout, layout_check.clone(), is_cluster, settings.publish));
        let net = Net::new(checked, setup.clone());
        let options = FeedOptions {
            queue_items: self.subscriber_buffer,
            deadline: config.call_deadline,
            health_interval: config.health_interval,
            ..FeedOptions::default()
        };
        let feed = Feed::new(Arc::new(net.clone()), Channels::of(&layout, is_cluster), options, settings.origin);
        let (principals, recent_destroys) = (PrincipalCache::default(), RecentDestroys::default());
        let inner = Arc::new(StoreInner {
            net,
            feed,
            layout,
            layout_check,
            settings,
            principals,
            recent_destroys,
            unpublished: Unpublished::default(),
            caps_exceeded: Counter::default(),
        });
        setup.complete(Arc::downgrade(&inner));
        Ok(RedisStore { inner })
    }
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}
