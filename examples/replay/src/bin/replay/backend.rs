//! The store of a run, which all nodes share.

use std::sync::Arc;

use session_core::{Error, Limits, store::SessionStore};
use session_memory::MemoryStore;

#[cfg(feature = "redis")]
use crate::server::OnServer;
use crate::{
    args::{Baseline, Place},
    blob::BlobShop,
    cells::{Cells, Records},
    shop::{DeltaShop, Shop},
};

/// The baseline keeps a whole cart in one value, and traces have carts of any length: the longest cart of Online Retail
/// has 7,983 lines.
const MAX_BLOB: usize = 256 * 1_024 * 1_024;
const MAX_LINES: usize = 1_000_000;

#[derive(Debug)]
pub(crate) enum Backend {
    Memory(MemoryStore),
    #[cfg(feature = "redis")]
    Redis(OnServer),
}

impl Backend {
    pub(crate) async fn open(place: &Place) -> Result<Self, Error> {
        match place {
            Place::Memory => Ok(Self::Memory(MemoryStore::builder().limits(limits()).build()?)),
            #[cfg(feature = "redis")]
            Place::Redis(url) => OnServer::at(url).map(Self::Redis),
            #[cfg(feature = "redis")]
            Place::SpawnedRedis => OnServer::spawn().await.map(Self::Redis),
        }
    }

    pub(crate) fn name(&self, is_tiered: bool) -> &'static str {
        match (self, is_tiered) {
            (Self::Memory(_), false) => "memory",
            (Self::Memory(_), true) => "local caches over memory",
            #[cfg(feature = "redis")]
            (Self::Redis(_), false) => "redis",
            #[cfg(feature = "redis")]
            (Self::Redis(_), true) => "local caches over redis",
        }
    }

    /// One more application node. On Redis it has its own connections.
    pub(crate) async fn node(&self, baseline: Option<Baseline>) -> Result<Arc<dyn Shop>, Error> {
        Ok(match baseline {
            None => Arc::new(DeltaShop::new(self.store().await?)),
            Some(Baseline::Blob) => Arc::new(BlobShop::new(self.cells().await?)),
        })
    }

    /// The store that a node without a cache uses.
    pub(crate) async fn store(&self) -> Result<Arc<dyn SessionStore>, Error> {
        match self {
            Self::Memory(store) => Ok(Arc::new(store.node())),
            #[cfg(feature = "redis")]
            Self::Redis(server) => server.store(limits()).await,
        }
    }

    async fn cells(&self) -> Result<Arc<dyn Cells>, Error> {
        match self {
            Self::Memory(_) => Ok(Arc::new(Records::new(self.store().await?))),
            #[cfg(feature = "redis")]
            Self::Redis(server) => Ok(Arc::new(server.cells().await?)),
        }
    }

    /// Removes this run's keys from a server that outlives it. The keys of a run that was interrupted expire, except
    /// one counter for each partition.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        match self {
            Self::Memory(_) => Ok(()),
            #[cfg(feature = "redis")]
            Self::Redis(server) => server.clear().await,
        }
    }
}

fn limits() -> Limits {
    Limits { max_entries: MAX_LINES, max_value_bytes: MAX_BLOB, max_session_bytes: MAX_BLOB }
}

#[cfg(test)]
#[cfg(feature = "redis")]
mod tests;
