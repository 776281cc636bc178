//! The footprint in Redis.

use session_core::{
    LoadOptions,
    model::Delta,
    store::{LoadOutcome, SessionStore as _},
};
use session_redis::RedisStore;
use session_testkit::{Reply, Server};

use super::Shape;
use crate::{fan_out::create_in_redis, scalars};

/// The footprint of a session in Redis.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// The shape of the session.
    pub shape: Shape,
    /// The bytes of names and encoded values.
    pub payload: f64,
    /// The bytes by the difference of `used_memory` over many sessions, including their places in the tables of keys
    /// and of deadlines.
    pub used_memory: f64,
    /// The bytes by `MEMORY USAGE` of one session.
    pub memory_usage: f64,
    /// Whether Redis keeps it as a hash table, by `OBJECT ENCODING`.
    pub is_table: bool,
}

/// Measures this many sessions of a shape.
pub async fn stored(shape: Shape, sessions: usize) -> Stored {
    let server = Server::start().await;
    let store = RedisStore::connect(&server.url()).await.expect("a store");
    let entries = scalars(shape.fields, shape.value);
    // The first sessions load the scripts and create the sequences of some partitions.
    let warm = create_in_redis(&store, 500, Delta::new()).await;
    assert_eq!(warm.len(), 500);
    let before = used_memory(&server).await;
    let ids = create_in_redis(&store, sessions, entries).await;
    let used_memory = (used_memory(&server).await - before) / sessions as f64;
    let payload = match store.load(&ids[0], LoadOptions::default()).await {
        Ok(LoadOutcome::Found(found)) => found.record.state().size_in_bytes() as f64,
        other => panic!("{other:?}"),
    };
    let digest = ids[0].digest().to_bytes();
    let keys = server.command(&["KEYS", "sessions:1:*:s:*"]).await;
    let is_it = |reply: &&Reply| matches!(reply, Reply::Bulk(key) if key.ends_with(&digest));
    let Some(Reply::Bulk(key)) = keys.items().iter().find(is_it) else { panic!("the session has a key") };
    let usage = server.command(&[b"MEMORY".as_slice(), b"USAGE", key, b"SAMPLES", b"0"]).await;
    let encoding = server.command(&[b"OBJECT".as_slice(), b"ENCODING", key]).await;
    let is_table = encoding.text() == "hashtable";
    Stored { shape, payload, used_memory, memory_usage: usage.int() as f64, is_table }
}

async fn used_memory(server: &Server) -> f64 {
    server.info("used_memory").await.expect("told").parse().expect("a number")
}
