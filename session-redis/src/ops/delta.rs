//! A delta as arguments of a script.

use redis::Cmd;
use session_core::model::{Delta, Entry, Selector};

use crate::layout::{KEYED, SCALAR, field_of, prefix_of};

/// The parts of a delta, counted: fields to clear, names to remove, pairs to put.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) clears: u64,
    pub(crate) removes: u64,
    pub(crate) puts: u64,
    /// The bytes of all names and values.
    pub(crate) bytes: usize,
}

impl Counts {
    pub(crate) fn of(delta: &Delta) -> Self {
        let mut counts = Self::default();
        for selector in delta.removals() {
            match selector {
                Selector::All(_) => counts.clears += 1,
                Selector::Scalar(_) | Selector::Keyed(..) => counts.removes += 1,
            }
        }
        for (entry, value) in delta.insertions() {
            counts.puts += 1;
            counts.bytes += 16 + entry.field().as_str().len() + value.as_bytes().len();
        }
        counts
    }

    /// The number of arguments.
    pub(crate) fn arguments(&self) -> usize {
        (self.clears + self.removes + 2 * self.puts) as usize
    }
}

/// Appends names to remove, names to put, and as many values. An update's script reads all touched entries by one range
/// of its arguments.
pub(crate) fn append(cmd: &mut Cmd, delta: &Delta, counts: &Counts) {
    if counts.removes > 0 {
        for selector in delta.removals() {
            match selector {
                Selector::Scalar(field) => cmd.arg(field_of(Entry::Scalar(field))),
                Selector::Keyed(field, key) => cmd.arg(field_of(Entry::Keyed(field, key))),
                Selector::All(_) => cmd,
            };
        }
    }
    let mut name = Vec::with_capacity(64);
    for (entry, _) in delta.insertions() {
        cmd.arg(named(&mut name, entry));
    }
    for (_, value) in delta.insertions() {
        cmd.arg(value.as_bytes());
    }
}

/// Appends fields to clear.
pub(crate) fn append_clears(cmd: &mut Cmd, delta: &Delta, counts: &Counts) {
    if counts.clears > 0 {
        for selector in delta.removals() {
            if let Selector::All(field) = selector {
                cmd.arg(prefix_of(field));
            }
        }
    }
}

/// Appends names and values to put, in pairs.
pub(crate) fn append_entries(cmd: &mut Cmd, delta: &Delta) {
    let mut name = Vec::with_capacity(64);
    for (entry, value) in delta.insertions() {
        cmd.arg(named(&mut name, entry)).arg(value.as_bytes());
    }
}

/// The hash field of an entry, written into `name`.
fn named<'a>(name: &'a mut Vec<u8>, entry: Entry<'_>) -> &'a [u8] {
    name.clear();
    match entry {
        Entry::Scalar(field) => {
            name.push(SCALAR);
            name.extend_from_slice(field.as_str().as_bytes());
        }
        Entry::Keyed(field, key) => {
            name.extend_from_slice(&[KEYED, field.as_str().len() as u8]);
            name.extend_from_slice(field.as_str().as_bytes());
            name.extend_from_slice(key.as_str().as_bytes());
        }
    }
    name
}

/// The delta as a message carries it, or an empty one if it is too large.
pub(crate) fn carried(delta: &Delta, most: usize) -> bytes::Bytes {
    if delta.is_empty() || delta.encoded_len() > most { bytes::Bytes::new() } else { delta.to_bytes() }
}
