//! The baseline's storage on Redis: `GET`, `SET` and `DEL`, without this workspace's store.

use async_trait::async_trait;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo as _, RedisError,
    aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use session_core::{Error, ErrorKind, SessionId, defaults};

use crate::cells::Cells;

/// One key per session on one server, over its own connection.
pub(crate) struct RedisCells {
    connection: MultiplexedConnection,
    prefix: String,
}

impl RedisCells {
    /// Connects without delays for small packets (`TCP_NODELAY`) and without a timeout in the client.
    pub(crate) async fn connect(url: &str, prefix: &str) -> Result<Self, Error> {
        let info = url.into_connection_info().map_err(failed)?;
        let client = Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true))).map_err(failed)?;
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await.map_err(failed)?;
        Ok(Self { connection, prefix: prefix.to_owned() })
    }

    /// Removes all keys with the prefix, including those of a session store.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        let mut cursor = 0u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{}:*", self.prefix)).arg("COUNT").arg(1_000);
            let (next, keys): (u64, Vec<Vec<u8>>) = self.ask(&scan).await?;
            if !keys.is_empty() {
                let _: u64 = self.ask(redis::cmd("UNLINK").arg(keys)).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    fn key(&self, id: &SessionId) -> Vec<u8> {
        [self.prefix.as_bytes(), b":", &id.digest().to_bytes()].concat()
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        command.query_async(&mut self.connection.clone()).await.map_err(failed)
    }
}

#[async_trait]
impl Cells for RedisCells {
    async fn create(&self, id: &SessionId, blob: Vec<u8>) -> Result<(), Error> {
        self.set(id, blob).await
    }

    async fn get(&self, id: &SessionId) -> Result<Option<Vec<u8>>, Error> {
        self.ask(redis::cmd("GET").arg(self.key(id))).await
    }

    async fn set(&self, id: &SessionId, blob: Vec<u8>) -> Result<(), Error> {
        self.ask(redis::cmd("SET").arg(self.key(id)).arg(blob).arg("EX").arg(defaults::IDLE.as_secs())).await
    }

    async fn delete(&self, id: &SessionId) -> Result<(), Error> {
        self.ask(redis::cmd("DEL").arg(self.key(id))).await
    }
}

impl std::fmt::Debug for RedisCells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisCells").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn failed(source: RedisError) -> Error {
    Error::new(ErrorKind::Unavailable, "the baseline cannot use the server; check `--url`").with_source(source)
}
