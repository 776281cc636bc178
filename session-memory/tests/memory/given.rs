//! Short ways to set up the start of a test.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use session_core::{
    Error, Expiry, LoadOptions, ManualClock, Principal, SessionId, SignIn,
    model::{Delta, EndReason, Field, Format, OpId, Value},
    store::{
        CreateOutcome, Destroy, LoadOutcome, NewSession, RotateOutcome, Rotation, RotationKind, SessionStore, Update,
    },
};
use session_memory::{MemoryStore, MemoryStoreBuilder};

pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// A future of this store is never pending.
pub(crate) fn now<T>(future: BoxFuture<'_, T>) -> T {
    future.now_or_never().expect("a future of the memory store is never pending")
}

pub(crate) fn store(settings: impl FnOnce(MemoryStoreBuilder) -> MemoryStoreBuilder) -> (MemoryStore, ManualClock) {
    let clock = ManualClock::new();
    let store = settings(MemoryStore::builder().clock(clock.clone())).build().unwrap();
    (store, clock)
}

pub(crate) fn id() -> SessionId {
    SessionId::generate().unwrap()
}

pub(crate) fn op() -> OpId {
    OpId::generate().unwrap()
}

pub(crate) fn principal(name: &str) -> Principal {
    Principal::new(name).unwrap()
}

pub(crate) fn new_session() -> NewSession {
    NewSession::generate(Expiry::idle(IDLE)).unwrap()
}

pub(crate) fn one_field(name: &str) -> Delta {
    let mut delta = Delta::new();
    delta.set(Field::new(name).unwrap(), Value::new(Format::JSON, b"1"));
    delta
}

pub(crate) fn update(name: &str) -> Update {
    Update::new(op(), one_field(name))
}

pub(crate) fn create(store: &MemoryStore, id: &SessionId) {
    try_create(store, id, &new_session()).unwrap();
}

pub(crate) fn try_create(store: &MemoryStore, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
    let outcome = now(store.create(id, new))?;
    assert!(matches!(outcome, CreateOutcome::Created(_)), "{outcome:?}");
    Ok(outcome)
}

pub(crate) fn sign_in(store: &MemoryStore, sign_in: SignIn) -> Result<SessionId, Error> {
    let id = id();
    try_create(store, &id, &NewSession { sign_in: Some(sign_in), ..new_session() }).map(|_| id)
}

pub(crate) fn rotate(store: &MemoryStore, from: &SessionId, kind: RotationKind) -> SessionId {
    let to = from.generate_sibling().unwrap();
    let outcome = now(store.rotate(from, &Rotation::new(op(), to, kind))).unwrap();
    assert!(matches!(outcome, RotateOutcome::Rotated(_)), "{outcome:?}");
    to
}

pub(crate) fn destroy(store: &MemoryStore, id: &SessionId) {
    now(store.destroy(id, &Destroy::new(op(), EndReason::Logout))).unwrap();
}

pub(crate) fn load(store: &MemoryStore, id: &SessionId) -> LoadOutcome {
    now(store.load(id, LoadOptions::default())).unwrap()
}

pub(crate) fn is_live(store: &MemoryStore, id: &SessionId) -> bool {
    matches!(load(store, id), LoadOutcome::Found(_))
}
