//! Where the sessions are kept during a run.

use std::sync::Arc;

use session_core::{Error, ErrorKind, Limits, model::OpId, store::SessionStore};
use session_memory::MemoryStore;
use session_redis::{RedisConfig, RedisStore};
use session_testkit::Server;
use session_tiered::TieredStore;

use crate::{
    args::{Baseline, Place},
    blob::BlobShop,
    cells::{Cells, Records},
    redis_cells::RedisCells,
    shop::{DeltaShop, Shop},
};

/// The baseline keeps a whole cart in one value, and traces have carts of any length: the longest of Online Retail has
/// 7,983 lines.
const MAX_BLOB: usize = 256 * 1_024 * 1_024;
const MAX_LINES: usize = 1_000_000;

/// The local cache of a node.
pub(crate) type Cache = TieredStore<Arc<dyn SessionStore>>;

/// What all nodes of a run share.
#[derive(Debug)]
pub(crate) enum Backend {
    Memory(MemoryStore),
    Redis {
        url: String,
        /// Drawn for each run, so that runs on one server do not meet.
        prefix: String,
        /// The run's own server. It ends with the last handle.
        spawned: Option<Server>,
    },
}

impl Backend {
    pub(crate) async fn open(place: &Place) -> Result<Self, Error> {
        match place {
            Place::Memory => Ok(Self::Memory(MemoryStore::builder().limits(limits()).build()?)),
            Place::Redis(url) => Self::redis(url.clone(), None),
            Place::SpawnedRedis => {
                // If it does not start, it panics with the reason.
                let server = tokio::spawn(Server::builder().start()).await.map_err(|_| {
                    Error::new(
                        ErrorKind::Configuration,
                        "no server could be started; see above, or name one by `--url`",
                    )
                })?;
                Self::redis(server.url(), Some(server))
            }
        }
    }

    fn redis(url: String, spawned: Option<Server>) -> Result<Self, Error> {
        Ok(Self::Redis { url, prefix: format!("replay-{:016x}", OpId::generate()?.bits()), spawned })
    }

    pub(crate) fn name(&self, is_tiered: bool) -> &'static str {
        match (self, is_tiered) {
            (Self::Memory(_), false) => "memory",
            (Self::Memory(_), true) => "local caches over memory",
            (Self::Redis { .. }, false) => "redis",
            (Self::Redis { .. }, true) => "local caches over redis",
        }
    }

    /// One more application node. On Redis it has connections of its own.
    pub(crate) async fn node(&self, baseline: Option<Baseline>) -> Result<Arc<dyn Shop>, Error> {
        Ok(match baseline {
            None => Arc::new(DeltaShop::new(self.store().await?)),
            Some(Baseline::Blob) => Arc::new(BlobShop::new(self.cells().await?)),
        })
    }

    /// One more application node with a local cache.
    pub(crate) async fn tiered_node(&self) -> Result<(Arc<dyn Shop>, Cache), Error> {
        let cache = TieredStore::new(self.store().await?);
        Ok((Arc::new(DeltaShop::new(Arc::new(cache.clone()))), cache))
    }

    /// What a node without a cache uses.
    pub(crate) async fn store(&self) -> Result<Arc<dyn SessionStore>, Error> {
        Ok(match self {
            Self::Memory(store) => Arc::new(store.node()),
            Self::Redis { url, prefix, .. } => {
                let config = RedisConfig::standalone(url).prefix(prefix);
                Arc::new(RedisStore::builder(config).limits(limits()).connect().await?)
            }
        })
    }

    async fn cells(&self) -> Result<Arc<dyn Cells>, Error> {
        Ok(match self {
            Self::Memory(_) => Arc::new(Records::new(self.store().await?)),
            Self::Redis { url, prefix, .. } => Arc::new(RedisCells::connect(url, prefix).await?),
        })
    }

    /// Takes away what the run has left on a server that outlives it. What a run leaves that did not come to an end
    /// expires, but for a counter for each partition.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        match self {
            Self::Redis { url, prefix, spawned: None } => RedisCells::connect(url, prefix).await?.clear().await,
            Self::Memory(_) | Self::Redis { .. } => Ok(()),
        }
    }
}

fn limits() -> Limits {
    Limits::default().with_max_entries(MAX_LINES).with_max_value_bytes(MAX_BLOB).with_max_session_bytes(MAX_BLOB)
}

#[cfg(test)]
mod tests;
