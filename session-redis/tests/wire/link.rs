//! A store behind a proxy that records requests.

use std::time::Duration;

use session_core::{
    Error, LoadOptions, SessionId,
    model::{Delta, Field, Format, Key, OpId, Value},
    store::{ApplyOutcome, LoadOutcome, NewSession, SessionStore as _, Update},
};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{LinkCutter, Recording, Server};

/// A server, a recording proxy, and a store at the other end.
pub(crate) struct Wire {
    pub(crate) store: RedisStore,
    pub(crate) link: LinkCutter,
    pub(crate) server: Server,
}

impl Wire {
    pub(crate) async fn start() -> Self {
        Self::with_call_deadline(session_redis::defaults::CALL_DEADLINE).await
    }

    pub(crate) async fn with_call_deadline(deadline: Duration) -> Self {
        let server = Server::start().await;
        let link = LinkCutter::to(server.addr()).await;
        // No health check happens during the recording.
        let config = RedisConfig::standalone(link.url()).health_interval(Duration::from_secs(3_600));
        let config = config.call_deadline(deadline);
        let store = RedisStore::builder(config).connect().await.expect("a store");
        Self { store, link, server }
    }

    /// The number of requests that the work sent, and their record.
    pub(crate) async fn record<T>(&self, work: impl Future<Output = T>) -> (T, Recording) {
        let recording = self.link.record();
        let outcome = work.await;
        (outcome, recording)
    }

    pub(crate) async fn trips<T>(&self, work: impl Future<Output = T>) -> (T, usize) {
        let (outcome, recording) = self.record(work).await;
        (outcome, recording.round_trips())
    }

    /// A new session with these entries.
    pub(crate) async fn create(&self, entries: Delta) -> SessionId {
        let id = SessionId::generate().expect("an id");
        let new = NewSession { entries, ..NewSession::generate(Default::default()).expect("a session") };
        self.store.create(&id, &new).await.expect("created");
        id
    }

    pub(crate) async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        self.store.load(id, options).await
    }

    pub(crate) async fn apply(&self, id: &SessionId, delta: Delta) -> Result<ApplyOutcome, Error> {
        self.store.apply(id, &update(delta)).await
    }
}

pub(crate) fn update(delta: Delta) -> Update {
    Update::new(OpId::generate().expect("an op id"), delta)
}

pub(crate) fn set(name: &str, bytes: usize) -> Delta {
    let mut delta = Delta::new();
    delta.set(Field::new(name).expect("a name"), Value::new(Format::JSON, &vec![b'7'; bytes]));
    delta
}

/// Fields of this many bytes each.
pub(crate) fn fields(count: usize, bytes: usize) -> Delta {
    let mut delta = Delta::new();
    for field in 0..count {
        delta.insert(
            Field::new("cart").expect("a name"),
            Key::new(&format!("sku-{field:04}")).expect("a key"),
            Value::new(Format::JSON, &vec![b'7'; bytes]),
        );
    }
    delta
}
