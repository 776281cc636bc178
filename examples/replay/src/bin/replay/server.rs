//! A Redis server that keeps the sessions of a run.

use std::sync::Arc;

use session_core::{Error, ErrorKind, Limits, model::OpId, store::SessionStore};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::Server;

use crate::redis_cells::RedisCells;

#[derive(Debug)]
pub(crate) struct OnServer {
    url: String,
    /// Generated for each run, so that runs on one server do not share keys.
    prefix: String,
    /// The run's own server, which ends with this handle.
    spawned: Option<Server>,
}

impl OnServer {
    /// An existing server.
    pub(crate) fn at(url: &str) -> Result<Self, Error> {
        Self::new(url.to_owned(), None)
    }

    /// A server that is started for the run.
    pub(crate) async fn spawn() -> Result<Self, Error> {
        // If the server does not start, the task panics with the reason.
        let server = tokio::spawn(Server::builder().start()).await.map_err(|_| {
            let message = "no server could be started; see above, or give the URL of one with `--url`";
            Error::new(ErrorKind::Configuration, message)
        })?;
        Self::new(server.url(), Some(server))
    }

    fn new(url: String, spawned: Option<Server>) -> Result<Self, Error> {
        Ok(Self { url, prefix: format!("replay-{:016x}", u64::from(OpId::generate()?)), spawned })
    }

    /// A store with its own connections.
    pub(crate) async fn store(&self, limits: Limits) -> Result<Arc<dyn SessionStore>, Error> {
        let config = RedisConfig::standalone(&self.url).prefix(&self.prefix);
        Ok(Arc::new(RedisStore::builder(config).limits(limits).connect().await?))
    }

    pub(crate) async fn cells(&self) -> Result<RedisCells, Error> {
        RedisCells::connect(&self.url, &self.prefix).await
    }

    pub(crate) async fn clear(&self) -> Result<(), Error> {
        match &self.spawned {
            None => self.cells().await?.clear().await,
            Some(_) => Ok(()),
        }
    }
}
