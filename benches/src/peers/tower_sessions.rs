//! tower-sessions: an update loads the whole session and saves it, and a cache keeps whole sessions.

use std::{collections::HashMap, fmt};

use serde_json::Value;
use session_testkit::Server;
use time::{Duration, OffsetDateTime};
use tower_sessions_core::{
    CachingSessionStore, SessionStore,
    session::{Id, Record},
};
use tower_sessions_moka_store::MokaStore;
use tower_sessions_redis_store::{
    RedisStore,
    fred::{
        clients::Pool,
        interfaces::ClientLike,
        types::config::{Config, TcpConfig},
        types::{Builder, RespVersion},
    },
};

/// Its Redis store, on one connection that is configured like ours.
pub struct Redis(RedisStore<Pool>);

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tower_sessions_redis_store::RedisStore")
    }
}

impl Redis {
    /// A client of this server.
    pub async fn connect(server: &Server) -> Self {
        let mut config = Config::from_url(&server.url()).expect("an address");
        config.version = RespVersion::RESP3;
        let pool = Builder::from_config(config)
            .with_connection_config(|connection| {
                connection.tcp = TcpConfig { nodelay: Some(true), ..TcpConfig::default() };
            })
            .build_pool(1)
            .expect("a pool");
        pool.init().await.expect("connected");
        Self(RedisStore::new(pool))
    }

    /// Creates sessions of eight fields of this many bytes.
    pub async fn create(&self, count: usize, bytes: usize) -> Vec<Id> {
        create(&self.0, count, bytes).await
    }

    /// Changes one field of 29 bytes.
    pub async fn update(&self, id: &Id) {
        let mut record = self.0.load(id).await.expect("loaded").expect("there");
        record.data.insert("field-00".to_owned(), Value::String("8".repeat(29)));
        self.0.save(&record).await.expect("saved");
    }
}

/// Its cache: moka in front of Redis.
pub struct Cached {
    store: CachingSessionStore<MokaStore, RedisStore<Pool>>,
    /// The ids of the cached sessions.
    pub ids: Vec<Id>,
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("sessions", &self.ids.len()).finish_non_exhaustive()
    }
}

impl Cached {
    /// A cache with this many sessions of eight fields of 29 bytes.
    pub async fn start(server: &Server, sessions: usize) -> Self {
        let cache = MokaStore::new(Some(2 * sessions as u64));
        let store = CachingSessionStore::new(cache, Redis::connect(server).await.0);
        let ids = create(&store, sessions, 29).await;
        Self { store, ids }
    }

    /// A hit.
    pub async fn load(&self, id: &Id) -> Record {
        self.store.load(id).await.expect("loaded").expect("there")
    }
}

async fn create(store: &impl SessionStore, count: usize, bytes: usize) -> Vec<Id> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let data: HashMap<String, Value> =
            (0..8).map(|n| (format!("field-{n:02}"), Value::String("7".repeat(bytes)))).collect();
        let expiry_date = OffsetDateTime::now_utc() + Duration::hours(24);
        let mut record = Record { id: Id::default(), data, expiry_date };
        store.create(&mut record).await.expect("created");
        ids.push(record.id);
    }
    ids
}
