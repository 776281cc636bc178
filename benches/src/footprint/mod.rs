//! The footprint of a session: in Redis, on the wire, in the memory store and in a node's cache.

mod child;
mod fit;
mod redis;
mod resident;
mod wire;

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

pub use child::{ChildTask, measure_in_child, serve};
pub use fit::fit;
pub use redis::{Stored, stored};
pub use resident::{Growth, copies, full_cache, memory_store, resident_bytes};
pub use wire::{Wire, on_the_wire};

use crate::{effort::Effort, fan_out::runtime};

/// The shape of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The number of fields.
    pub fields: usize,
    /// Bytes of each value, without its format byte.
    pub value: usize,
}

const fn shape(fields: usize, value: usize) -> Shape {
    Shape { fields, value }
}

impl Shape {
    /// The shape in words.
    pub fn name(self) -> String {
        format!("{} fields of {} bytes", self.fields, self.value)
    }

    /// The number of sessions that take about as much as `usual` sessions of 8 fields of 29 bytes, and enough to be
    /// measured.
    fn count(self, usual: usize) -> usize {
        (usual * 8 * 38 / (self.fields * (self.value + 9))).clamp(300, usual)
    }
}

/// Sessions that Redis packs, to which the model is fitted.
pub const PACKED: [Shape; 4] = [shape(4, 29), shape(32, 29), shape(8, 58), shape(200, 10)];
/// Sessions that Redis keeps as hash tables, to which the model is fitted: those with a value of more than 64 bytes, or
/// more than 512 entries.
pub const TABLES: [Shape; 5] = [shape(8, 66), shape(8, 1_000), shape(600, 10), shape(1_000, 29), shape(100, 91)];
/// Sessions that the model predicts.
pub const PREDICTED: [Shape; 6] =
    [shape(8, 29), shape(16, 29), shape(100, 20), shape(8, 200), shape(32, 100), shape(800, 20)];
/// Copies in a node, to which the model is fitted.
pub const COPIED: [Shape; 3] = [shape(4, 29), shape(32, 29), shape(8, 500)];

/// The shape of sessions unless stated otherwise.
pub const USUAL: Shape = shape(8, 29);
/// The number of repetitions of measurements that vary.
pub const TIMES: usize = 3;
/// The capacity of the cache that is too small, in bytes.
pub const FULL_CACHE_BYTES: u64 = 16 * 1_024 * 1_024;

/// The measurements.
#[derive(Debug)]
pub struct Measured {
    /// In Redis: the sessions of [`PACKED`], of [`TABLES`], and of [`PREDICTED`].
    pub stored: Vec<Stored>,
    /// On the wire, of sessions of 300 B and of 100 KB.
    pub wire: [Wire; 2],
    /// In the memory store, each time in a process of its own: some sessions, then twice and four times as many.
    pub memory: [[Growth; 3]; TIMES],
    /// In a node's cache that is too small for all sessions, each time in a process of its own.
    pub full_cache: [Growth; TIMES],
    /// In a node's cache: the copies of [`COPIED`].
    pub copies: [Growth; 3],
}

impl Measured {
    /// Measures on the first call; later calls return the same.
    ///
    /// # Panics
    /// If the binary does not call [`serve`] first.
    pub fn once(effort: Effort) -> &'static Self {
        static MEASURED: OnceLock<Measured> = OnceLock::new();
        MEASURED.get_or_init(|| Self::now(effort))
    }

    fn now(effort: Effort) -> Self {
        let runtime = runtime();
        let usual = effort.pick(4_000, 50_000);
        let all = PACKED.iter().chain(&TABLES).chain(&PREDICTED);
        let stored = all.map(|shape| runtime.block_on(stored(*shape, shape.count(usual)))).collect();
        let wire = runtime.block_on(on_the_wire());
        let some = effort.pick(100_000, 1_000_000);
        let steps = || measure_in_child(ChildTask::Memory(vec![some, 2 * some, 4 * some]));
        let memory = [(); TIMES].map(|()| steps().try_into().expect("three sizes are measured"));
        let full = || measure_in_child(ChildTask::FullCache(USUAL, effort.pick(24_000, 100_000), FULL_CACHE_BYTES))[0];
        let full_cache = [(); TIMES].map(|()| full());
        let usual = effort.pick(10_000, 100_000);
        let copied = |shape: Shape| measure_in_child(ChildTask::Copies(shape, shape.count(4 * usual).min(usual)))[0];
        Self { stored, wire, memory, full_cache, copies: COPIED.map(copied) }
    }

    /// The bytes in Redis of a packed session without its entries, of each entry, and of each byte.
    pub fn packed(&self) -> [f64; 3] {
        fitted(&self.stored[..PACKED.len()])
    }

    /// The same for a session that is kept as a hash table.
    pub fn tables(&self) -> [f64; 3] {
        fitted(&self.stored[PACKED.len()..][..TABLES.len()])
    }

    /// The same for a copy in a node.
    pub fn copied(&self) -> [f64; 3] {
        let payload = |shape: Shape| self.payload(shape);
        fit(COPIED
            .iter()
            .zip(&self.copies)
            .map(|(shape, growth)| (terms(*shape, payload(*shape)), growth.bytes_each())))
    }

    /// The bytes of names and encoded values.
    fn payload(&self, shape: Shape) -> f64 {
        let known = self.stored.iter().find(|stored| stored.shape.fields == shape.fields);
        let name = known.map_or(0.0, |known| known.payload / shape.fields as f64 - known.shape.value as f64);
        shape.fields as f64 * (name + shape.value as f64)
    }
}

fn terms(shape: Shape, payload: f64) -> [f64; 3] {
    [1.0, shape.fields as f64, payload]
}

fn fitted(stored: &[Stored]) -> [f64; 3] {
    fit(stored.iter().map(|stored| (terms(stored.shape, stored.payload), stored.used_memory)))
}
