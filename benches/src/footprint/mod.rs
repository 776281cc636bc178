//! What a session takes: in Redis, on the wire, in the memory store and in a node's cache.

mod child;
mod redis;
mod resident;
mod wire;

use std::sync::OnceLock;

pub use child::{Asked, measured_apart, serve};
pub use redis::{Stored, stored};
pub use resident::{Grown, booked, copies, memory_store, resident_bytes};
pub use wire::{Wire, on_the_wire};

use crate::{effort::Effort, fan_out::runtime};

/// Fields of the sessions by which the model is fitted: so many of 29 bytes.
pub const FITTED: [usize; 2] = [4, 32];
/// Fields of those that it predicts.
pub const PREDICTED: [usize; 2] = [8, 16];

/// How often what spreads is measured.
pub const TIMES: usize = 3;
/// Bytes that the cache that is too small may take.
pub const BOOKED: u64 = 16 * 1_024 * 1_024;

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// In Redis, by number of fields: those of [`FITTED`], then those of [`PREDICTED`].
    pub stored: Vec<Stored>,
    /// On the wire, of sessions of 300 B and of 100 KB.
    pub wire: [Wire; 2],
    /// In the memory store, each time in a process of its own: some sessions, and twice and four times as many.
    pub memory: [[Grown; 3]; TIMES],
    /// In a node's cache that is too small for all, each time in a process of its own.
    pub booked: [Grown; TIMES],
    /// In a node's cache, by number of fields: those of [`FITTED`].
    pub copies: [Grown; 2],
}

impl Measured {
    /// Measures, the first time; later calls are given the same.
    ///
    /// # Panics
    /// If the binary does not call [`serve`] first.
    pub fn once(effort: Effort) -> &'static Self {
        static MEASURED: OnceLock<Measured> = OnceLock::new();
        MEASURED.get_or_init(|| Self::now(effort))
    }

    fn now(effort: Effort) -> Self {
        let runtime = runtime();
        let sessions = effort.pick(4_000, 50_000);
        let stored =
            FITTED.iter().chain(&PREDICTED).map(|fields| runtime.block_on(stored(*fields, sessions))).collect();
        let wire = runtime.block_on(on_the_wire());
        let some = effort.pick(100_000, 1_000_000);
        let steps = || measured_apart(Asked::Memory(vec![some, 2 * some, 4 * some]));
        let memory = [(); TIMES].map(|()| steps().try_into().expect("three sizes are measured"));
        let booked = [(); TIMES].map(|()| measured_apart(Asked::Booked(8, effort.pick(24_000, 100_000), BOOKED))[0]);
        let copied = |fields| measured_apart(Asked::Copies(fields, effort.pick(10_000, 100_000)))[0];
        Self { stored, wire, memory, booked, copies: FITTED.map(copied) }
    }
}

/// A line through what was measured of two sizes: (x, y) twice. What there is at zero, and what each further one takes.
pub fn line(few: (f64, f64), many: (f64, f64)) -> (f64, f64) {
    let each = (many.1 - few.1) / (many.0 - few.0);
    (few.1 - each * few.0, each)
}
