//! One server, a store on it, and the values of requests.

use std::{fmt::Debug, time::Duration};

use session_core::{
    Expiry, Limits, LoadOptions, Principal, SessionId, SignIn,
    model::{Delta, Field, Format, Key, OpId, Stamp, Value},
    store::{CreateOutcome, Found, LoadOutcome, NewSession, SessionStore, Update},
};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::Server;

/// The prefix of all keys of these tests.
pub(crate) const PREFIX: &str = "faults";
/// Short, and only for calls that may fail: on a busy machine any call may take this long.
pub(crate) const HASTE: Duration = Duration::from_millis(800);
/// The lease of a lock, longer than any test.
pub(crate) const LEASE: Duration = Duration::from_secs(600);
/// Longer than any test, so that an ended session is gone because of its tombstone.
pub(crate) const TOMBSTONE: Duration = Duration::from_secs(600);

/// A server at this URL, with a deadline that no call reaches.
pub(crate) fn config(url: impl Into<String>) -> RedisConfig {
    RedisConfig::standalone(url).prefix(PREFIX).call_deadline(Duration::from_secs(20))
}

/// The same with a short deadline and a short health interval, for calls that are to fail.
pub(crate) fn hasty(url: impl Into<String>) -> RedisConfig {
    config(url).call_deadline(HASTE).health_interval(Duration::from_millis(200))
}

/// A store with these settings.
pub(crate) async fn connect(config: RedisConfig) -> RedisStore {
    // High enough that no writer reaches them.
    let limits = Limits { max_entries: 1 << 20, max_session_bytes: 1 << 26, ..Limits::default() };
    let store = RedisStore::builder(config).limits(limits).tombstone(TOMBSTONE).connect().await;
    store.unwrap_or_else(|error| panic!("{error:?}"))
}

/// A server without persistence, and a store on it.
pub(crate) async fn start() -> (Server, RedisStore) {
    let server = Server::start().await;
    let store = connect(config(server.url())).await;
    (server, store)
}

/// Only a guard against hanging.
pub(crate) async fn guarded<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(120), work).await {
        Ok(done) => done,
        Err(_) => panic!("waited in vain until {what}"),
    }
}

/// Waits for a condition that has no event of its own.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    guarded(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

pub(crate) fn op() -> OpId {
    OpId::generate().unwrap()
}

pub(crate) fn draw() -> SessionId {
    SessionId::generate().unwrap()
}

pub(crate) fn field(name: &str) -> Field {
    Field::new(name).unwrap()
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

pub(crate) fn value(text: &str) -> Value {
    Value::new(Format::JSON, text.as_bytes())
}

/// A delta that sets one scalar.
pub(crate) fn set(name: &str, text: &str) -> Delta {
    let mut delta = Delta::new();
    delta.set(field(name), value(text));
    delta
}

/// An update that sets one scalar.
pub(crate) fn update(name: &str, text: &str) -> Update {
    Update::new(op(), set(name, text))
}

pub(crate) fn new() -> NewSession {
    NewSession { entries: set("who", "me"), ..NewSession::generate(Expiry::default()).unwrap() }
}

pub(crate) fn alice() -> Principal {
    Principal::new("alice").unwrap()
}

pub(crate) fn sign_in() -> SignIn {
    SignIn::new(alice())
}

/// A session of [`alice`].
pub(crate) fn signed_in() -> NewSession {
    NewSession { sign_in: Some(sign_in()), ..new() }
}

/// A stored session.
pub(crate) async fn create(store: &dyn SessionStore, new: &NewSession) -> (SessionId, Stamp) {
    let id = draw();
    match store.create(&id, new).await {
        Ok(CreateOutcome::Created(applied)) => (id, applied.stamp),
        other => panic!("{other:?}"),
    }
}

/// A session that must be there.
pub(crate) async fn found(store: &dyn SessionStore, id: &SessionId) -> Found {
    match load(store, id).await {
        LoadOutcome::Found(found) => found,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn load(store: &dyn SessionStore, id: &SessionId) -> LoadOutcome {
    done(store.load(id, LoadOptions::default()).await)
}

/// The outcome of a call that must not fail.
pub(crate) fn done<T>(outcome: Result<T, session_core::Error>) -> T {
    outcome.unwrap_or_else(|error| panic!("{error:?}"))
}

/// The kind of an expected error.
pub(crate) fn kind<T: Debug>(outcome: Result<T, session_core::Error>) -> session_core::ErrorKind {
    match outcome {
        Ok(outcome) => panic!("this should have failed: {outcome:?}"),
        Err(error) => error.kind(),
    }
}
