//! tower-sessions-redis-store: an update loads the whole session and saves it.

use std::collections::HashMap;

use serde_json::Value;
use session_testkit::Server;
use time::{Duration, OffsetDateTime};
use tower_sessions_core::{
    SessionStore as _,
    session::{Id, Record},
};
use tower_sessions_redis_store::{
    RedisStore,
    fred::{
        clients::Pool,
        interfaces::ClientLike,
        types::config::{Config, TcpConfig},
        types::{Builder, RespVersion},
    },
};

pub(crate) struct Peer(RedisStore<Pool>);

impl Peer {
    pub(crate) async fn connect(server: &Server) -> Self {
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

    /// Sessions of eight fields.
    pub(crate) async fn create(&self, count: usize, bytes: usize) -> Vec<Id> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let data: HashMap<String, Value> =
                (0..8).map(|n| (format!("field-{n:02}"), Value::String("7".repeat(bytes)))).collect();
            let expiry_date = OffsetDateTime::now_utc() + Duration::hours(24);
            let mut record = Record { id: Id::default(), data, expiry_date };
            self.0.create(&mut record).await.expect("created");
            ids.push(record.id);
        }
        ids
    }

    pub(crate) async fn update(&self, id: &Id) {
        let mut record = self.0.load(id).await.expect("loaded").expect("there");
        record.data.insert("field-00".to_owned(), Value::String("8".repeat(29)));
        self.0.save(&record).await.expect("saved");
    }
}
