//! The client-side cache of redis-rs 0.32, which the server invalidates.

use std::{collections::HashMap, fmt};

use redis_0_32::{AsyncConnectionConfig, Client, aio::MultiplexedConnection, caching::CacheConfig};
use session_testkit::Server;

use crate::shuffle;

/// A cache of keys, each of eight fields of 29 bytes: as a hash, and as one value of as many bytes.
pub struct Cached {
    connection: MultiplexedConnection,
    hashes: Vec<String>,
    values: Vec<String>,
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("keys", &self.hashes.len()).finish_non_exhaustive()
    }
}

impl Cached {
    /// A client of this server with this many keys of each kind, at most 5,000: by default it keeps 10,000.
    pub async fn start(server: &Server, keys: usize) -> Self {
        let client = Client::open(format!("{}?protocol=resp3", server.url())).expect("a client");
        let config = AsyncConnectionConfig::new().set_cache_config(CacheConfig::new());
        let connection = client.get_multiplexed_async_connection_with_config(&config).await.expect("connected");
        let mut pipeline = redis_0_32::pipe();
        let (hashes, values): (Vec<_>, Vec<_>) =
            (0..keys).map(|n| (format!("cached:hash:{n}"), format!("cached:value:{n}"))).unzip();
        for (hash, value) in hashes.iter().zip(&values) {
            for field in 0..8 {
                pipeline.hset(hash, format!("field-{field:02}"), [field as u8; 29].as_slice()).ignore();
            }
            pipeline.set(value, [7_u8; 300].as_slice()).ignore();
        }
        pipeline.exec_async(&mut connection.clone()).await.expect("set");
        let mut cached = Self { connection, hashes, values };
        for at in 0..keys {
            let _ = (cached.hgetall(at).await, cached.get(at).await);
        }
        // Shuffled, so that memory is not visited in the order in which it was allocated.
        shuffle(&mut cached.hashes);
        shuffle(&mut cached.values);
        cached
    }

    /// A hit that returns a hash, by the number of its key.
    pub async fn hgetall(&self, at: usize) -> HashMap<String, Vec<u8>> {
        let mut cmd = redis_0_32::cmd("HGETALL");
        cmd.arg(&self.hashes[at % self.hashes.len()]);
        cmd.query_async(&mut self.connection.clone()).await.expect("read")
    }

    /// A hit that returns 300 bytes, by the number of its key.
    pub async fn get(&self, at: usize) -> Vec<u8> {
        let mut cmd = redis_0_32::cmd("GET");
        cmd.arg(&self.values[at % self.values.len()]);
        cmd.query_async(&mut self.connection.clone()).await.expect("read")
    }

    /// The numbers of commands that were answered from the cache, and not from it.
    pub fn counts(&self) -> (usize, usize) {
        self.connection.get_cache_statistics().map_or((0, 0), |counted| (counted.hit, counted.miss))
    }
}
