//! tower-sessions: whole sessions in moka, in front of Redis.

use std::collections::HashMap;

use serde_json::Value;
use session_testkit::Server;
use time::{Duration, OffsetDateTime};
use tokio::runtime::Runtime;
use tower_sessions_core::{
    CachingSessionStore, SessionStore as _,
    session::{Id, Record},
};
use tower_sessions_moka_store::MokaStore;
use tower_sessions_redis_store::{
    RedisStore,
    fred::{
        clients::Pool,
        interfaces::ClientLike,
        types::{Builder, config::Config},
    },
};

pub(crate) struct Peer {
    store: CachingSessionStore<MokaStore, RedisStore<Pool>>,
    pub(crate) ids: Vec<Id>,
    pub(crate) runtime: Runtime,
    _server: Server,
}

impl Peer {
    /// With so many sessions of eight fields of 29 bytes, all of them in the cache.
    pub(crate) fn start(sessions: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (server, store, ids) = runtime.block_on(async {
            let server = Server::start().await;
            let pool = Builder::from_config(Config::from_url(&server.url()).unwrap()).build_pool(1).unwrap();
            pool.init().await.unwrap();
            let cache = MokaStore::new(Some(2 * sessions as u64));
            let store = CachingSessionStore::new(cache, RedisStore::new(pool));
            let mut ids = Vec::new();
            for _ in 0..sessions {
                let data: HashMap<String, Value> =
                    (0..8).map(|n| (format!("field-{n:02}"), Value::String("7".repeat(29)))).collect();
                let expiry_date = OffsetDateTime::now_utc() + Duration::hours(24);
                let mut record = Record { id: Id::default(), data, expiry_date };
                store.create(&mut record).await.unwrap();
                ids.push(record.id);
            }
            (server, store, ids)
        });
        Self { store, ids, runtime, _server: server }
    }

    pub(crate) async fn load(&self, id: &Id) -> Record {
        self.store.load(id).await.unwrap().unwrap()
    }
}
