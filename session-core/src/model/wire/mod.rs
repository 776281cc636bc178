//! The encoded form of deltas and records, for change messages, snapshots and golden files.
//!
//! [`Delta::to_bytes`](crate::model::Delta::to_bytes) and [`Delta::from_bytes`](crate::model::Delta::from_bytes) write
//! and read it, as do the same methods of [`Record`](crate::model::Record). The form is **canonical**: decoding accepts
//! exactly the bytes that encoding writes. A value therefore has one encoded form, and equal bytes mean equal values.
//!
//! ```
//! use session_core::{model::{Delta, Field, Format, Value}};
//!
//! let mut delta = Delta::new();
//! delta.set(Field::new("theme")?, Value::new(Format::JSON, b"1"));
//! assert_eq!(&delta.to_bytes()[..], b"\x01\x01\x05theme\x03\x031\x00");
//! assert_eq!(Delta::from_bytes(delta.to_bytes())?, delta);
//! # Ok::<(), session_core::Error>(())
//! ```
//!
//! # Layout
//! The first byte is the version of the format: 2 for a record that has one of the parts that only version 2 has, 1 for
//! everything else. A `×n` part consists of n such parts one after another, in strictly ascending order of the bytes of
//! their names.
//!
//! | part | bytes |
//! |---|---|
//! | delta | `01`, n: varint, scalar edit ×n, m: varint, keyed edit ×m |
//! | scalar edit | field, edit |
//! | keyed edit | field, 2·n + c: varint, (key, edit) ×n. c is 1 if the field is cleared first |
//! | edit | 0: varint, which removes; or 1 + l: varint, then the value of l bytes that is set |
//! | record | `01`, stamp, created at: varint, deadlines, state; or the same with `02`, followed by the sign-in, by `01` if it is unconfirmed, `00` if not, and by `00` or, if its values are bound to another incarnation, by `01` and that: 8 bytes |
//! | sign-in | `00` for none; or principal: l: varint, 1 to 255, UTF-8 of l bytes; signed in at: varint |
//! | stamp | incarnation: 8 bytes big-endian, version: varint, tag: 8 bytes big-endian |
//! | deadlines | idle, absolute: varint. 2^53 − 1 means none |
//! | idle | `00` for none; or `01`, idle timeout: varint, idle deadline: varint |
//! | state | n: varint, (field, value) ×n, m: varint, keyed field ×m |
//! | keyed field | field, n ≥ 1: varint, (key, value) ×n |
//! | field | l: varint, 1 to 255; UTF-8 of l bytes |
//! | key | l: varint, 0 to 1,024; UTF-8 of l bytes |
//! | value | l: varint, l bytes: a format byte and a payload, or nothing |
//! | varint | LEB128: 7 bits a byte, the lowest first, the top bit set on all bytes except the last; the shortest form only; at most 64 bits |
//!
//! Timestamps are milliseconds since the Unix epoch. The idle timeout is in milliseconds, at most 2^53 − 1. There is an
//! idle deadline, an absolute deadline, or both; the idle deadline is not after the absolute one. A keyed edit has an
//! effect (n ≥ 1 or c = 1), and removes no key of a field that it clears. Nothing follows the last part.
//!
//! # Decoding
//! Values are slices of the input, not copies, so one value keeps all of the input in memory. Hostile input cannot make
//! the decoder allocate more than 64 times the length of the input, since a count is accepted only if the remaining
//! bytes can hold that many parts.
//!
//! Input that cannot be decoded is an error of kind [`UnreadableField`](crate::ErrorKind::UnreadableField), without a
//! field name, because the whole value is unreadable. This kind means that stored data cannot be read by this version,
//! and that no other request by the caller would help. [`InvalidInput`](crate::ErrorKind::InvalidInput) would blame the
//! caller for data that a store or a channel held. Unreadable input is never treated as an absent session.

mod delta;
mod read;
mod record;
mod write;

/// The first version, and the only one of deltas.
pub(crate) const VERSION: u8 = 1;
/// The version of a record with parts that version 1 does not have.
const RECORD_VERSION: u8 = 2;
