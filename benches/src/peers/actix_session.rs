//! actix-session: an update loads the whole session and writes it back if it still exists.

use std::{collections::HashMap, fmt};

use actix_session::storage::{RedisSessionStore, SessionKey, SessionStore as _};
use session_testkit::Server;
use time::Duration;

/// Its Redis store, on one connection.
pub struct Redis(RedisSessionStore);

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("actix_session::storage::RedisSessionStore")
    }
}

impl Redis {
    /// A client of this server.
    pub async fn connect(server: &Server) -> Self {
        let url = format!("{}?protocol=resp3", server.url());
        Self(RedisSessionStore::new(url).await.expect("connected"))
    }

    /// Creates sessions of eight fields of this many bytes.
    pub async fn create(&self, count: usize, bytes: usize) -> Vec<String> {
        let mut keys = Vec::new();
        for _ in 0..count {
            // It keeps the JSON text of each value.
            let quoted = |byte: &str, bytes| format!("\"{}\"", byte.repeat(bytes));
            let state: HashMap<_, _> = (0..8).map(|n| (format!("field-{n:02}"), quoted("7", bytes))).collect();
            keys.push(self.0.save(state, &Duration::hours(24)).await.expect("created").into());
        }
        keys
    }

    /// Changes one field of 29 bytes.
    pub async fn update(&self, key: &str) {
        let key = SessionKey::try_from(key.to_owned()).expect("a key");
        let mut state = self.0.load(&key).await.expect("loaded").expect("there");
        state.insert("field-00".to_owned(), format!("\"{}\"", "8".repeat(29)));
        self.0.update(key, state, &Duration::hours(24)).await.expect("updated");
    }
}
