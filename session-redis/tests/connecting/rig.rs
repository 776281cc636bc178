//! Configurations, runtimes and requests.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use session_core::{
    Error, ErrorKind, Expiry, LoadOptions, SessionId,
    store::{CreateOutcome, LoadOutcome, NewSession, SessionStore},
};
use session_redis::RedisConfig;
use tokio::runtime::{Builder, Runtime};

/// Longer than any test: a call that returns has not waited for it.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);
/// Only ends a test that hangs.
const GUARD: Duration = Duration::from_secs(60);

/// One server, with deadlines that no call reaches.
pub(crate) fn patient(url: impl Into<String>) -> RedisConfig {
    RedisConfig::standalone(url).call_deadline(Duration::from_secs(300)).connect_deadline(LONG)
}

/// The builder's tombstone for such deadlines.
pub(crate) const TOMBSTONE: Duration = LONG;

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) async fn guarded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, work).await.expect("it hangs")
}

/// Polls once, outside of any runtime. The future must have nothing to wait for.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Creates a session and loads it.
pub(crate) async fn create(store: &dyn SessionStore) -> SessionId {
    let id = SessionId::generate().unwrap();
    let created = guarded(store.create(&id, &NewSession::generate(Expiry::default()).unwrap())).await.unwrap();
    assert!(matches!(created, CreateOutcome::Created(_)), "{created:?}");
    load(store, &id).await;
    id
}

/// Loads a session that must be there.
pub(crate) async fn load(store: &dyn SessionStore, id: &SessionId) {
    let loaded = guarded(store.load(id, LoadOptions::default())).await.unwrap();
    assert!(matches!(loaded, LoadOutcome::Found(_)), "{loaded:?}");
}

/// The text of an error of the configuration.
pub(crate) fn configuration<T>(outcome: Result<T, Error>) -> String {
    let error = outcome.err().expect("it is refused");
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
    assert!(!error.is_retryable());
    error.to_string()
}
