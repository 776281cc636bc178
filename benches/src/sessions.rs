//! The sessions of the measurements.

use futures_util::FutureExt;
use session_core::{
    Expiry, SessionId,
    model::{Delta, Field, Format, OpId, Value},
    store::{CreateOutcome, NewSession, SessionStore},
};

/// The result of a store's future that is never pending.
///
/// # Panics
/// If the future is pending.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("a future that is ready at once")
}

/// A delta that sets `count` scalars, named `field-00` and so on, to values of `bytes` bytes.
pub fn scalars(count: usize, bytes: usize) -> Delta {
    let mut delta = Delta::new();
    for n in 0..count {
        let field = Field::new(&format!("field-{n:02}"));
        field.into_iter().for_each(|field| delta.set(field, Value::new(Format::BINCODE, &vec![n as u8; bytes])));
    }
    delta
}

/// Creates a session with these entries.
///
/// # Errors
/// Those of the store.
pub fn create(store: &dyn SessionStore, entries: Delta) -> Result<SessionId, session_core::Error> {
    let id = SessionId::generate()?;
    let new = NewSession { entries, ..NewSession::generate(Expiry::default())? };
    match ready(store.create(&id, &new))? {
        CreateOutcome::Created(_) => Ok(id),
        other => unreachable!("{other:?}"),
    }
}

/// A fresh op id, for the loop of a benchmark.
pub fn op() -> OpId {
    OpId::generate().unwrap_or(OpId::from(0))
}

/// Shuffles a slice, in the same order in each run, so that memory is not visited in the order in which it was
/// allocated.
pub fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(at, (state >> 33) as usize % (at + 1));
    }
}
