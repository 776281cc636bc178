//! What the benchmarks of this workspace share: sessions to measure with, and how to measure.

pub mod claim;
pub mod claims;
pub mod effort;
pub mod in_turn;
pub mod section;
pub mod study;
mod tapped;
mod zipf;

use std::{
    hash::{BuildHasherDefault, Hasher},
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use session_core::{CreateOutcome, Delta, Expiry, Field, Format, NewSession, OpId, SessionId, SessionStore, Value};

pub use tapped::Tapped;
pub use zipf::Zipf;

/// The result of a future of a store that never waits.
///
/// # Panics
/// If it waits after all.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    #[expect(clippy::expect_used, reason = "a benchmark that cannot run must not go on")]
    future.now_or_never().expect("a future that is ready at once")
}

/// A delta that sets so many scalars, named `field-00` and so on, to values of so many bytes.
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
    let new = NewSession::draw(Expiry::default())?.with_entries(entries);
    match ready(store.create(&id, &new))? {
        CreateOutcome::Created(_) => Ok(id),
        other => unreachable!("{other:?}"),
    }
}

/// An op id in a benchmark's loop.
pub fn op() -> OpId {
    OpId::draw().unwrap_or(OpId::from_bits(0))
}

/// Puts a slice in an arbitrary order, the same in each run, so that memory is not visited in the order in which it
/// was allocated.
pub fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for at in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(at, (state >> 33) as usize % (at + 1));
    }
}

/// Takes the last 8 bytes written as the hash: the hardest baseline, for a digest needs no hashing.
#[derive(Debug, Default)]
pub struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.last_chunk().map_or(self.0, |last| u64::from_ne_bytes(*last));
    }

    fn write_u16(&mut self, _: u16) {}

    fn write_usize(&mut self, _: usize) {}
}

/// For maps that are to hash with [`AsIs`].
pub type AsIsHasher = BuildHasherDefault<AsIs>;

/// The time that each of so many threads takes for `iterations` gets, over all keys in turn.
pub fn timed<T>(ids: &[SessionId], threads: usize, iterations: u64, get: impl Fn(&SessionId) -> T + Sync) -> Duration {
    let run = |start: usize| {
        let ids = ids.iter().cycle().skip(start * ids.len() / threads);
        let count = usize::try_from(iterations).unwrap_or(usize::MAX);
        elapsed(|| {
            for id in ids.take(count) {
                black_box(get(id));
            }
        })
    };
    if threads == 1 {
        return run(0);
    }
    thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..threads).map(|n| scope.spawn(move || run(n))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).max().unwrap_or_default()
    })
}

/// How long something takes.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures")]
pub fn elapsed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// The middle one.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Whether a benchmark is only to show that it runs: `cargo bench -- --test`.
pub fn is_quick() -> bool {
    std::env::args().any(|arg| arg == "--test")
}
