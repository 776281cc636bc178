//! The encoded form of deltas and records: of change messages, snapshots and golden files.
//!
//! [`Delta::to_bytes`](crate::model::Delta::to_bytes), [`Delta::from_bytes`](crate::model::Delta::from_bytes) and the same on
//! [`Record`](crate::model::Record). The form is **canonical**: decoding accepts exactly what encoding writes, so a value has
//! one encoded form, and equal bytes mean equal values.
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
//! # Layout, version 1
//! The first byte is the format [`VERSION`]. A `×n` part is n such parts one after another, in strictly ascending
//! order of the bytes of their names.
//!
//! | part | bytes |
//! |---|---|
//! | delta | `01`, n: varint, scalar edit ×n, m: varint, keyed edit ×m |
//! | scalar edit | field, edit |
//! | keyed edit | field, 2·n + c: varint, (key, edit) ×n. c is 1 if the field is cleared first |
//! | edit | 0: varint, which removes; or 1 + l: varint, then a value of l bytes, which is set |
//! | record | `01`, stamp, created at: varint, deadlines, state |
//! | stamp | incarnation: 8 bytes big-endian, version: varint, tag: 8 bytes big-endian |
//! | deadlines | idle, absolute: varint. 2^53 − 1 stands for none |
//! | idle | `00` for none; or `01`, idle timeout: varint, idle deadline: varint |
//! | state | n: varint, (field, value) ×n, m: varint, keyed field ×m |
//! | keyed field | field, n ≥ 1: varint, (key, value) ×n |
//! | field | l: varint, 1 to 255; UTF-8 of l bytes |
//! | key | l: varint, 0 to 1,024; UTF-8 of l bytes |
//! | value | l: varint, l bytes: a format byte and a payload, or nothing |
//! | varint | LEB128: 7 bits a byte, the lowest first, the top bit set on all bytes but the last; the shortest form only; at most 64 bits |
//!
//! Moments are milliseconds since the Unix epoch, and the idle timeout is milliseconds, at most 2^53 − 1. There is an idle
//! deadline, an absolute one, or both, and the idle one is not after the absolute one. A keyed edit says something
//! (n ≥ 1 or c = 1), and removes no key of a field that it clears. Nothing follows the last part.
//!
//! # Decoding
//! Values are slices of the input, not copies, so one of them keeps all of the input in memory. Hostile input cannot
//! make it allocate more than 64 times the input's length, since a count is believed only as far as the bytes that
//! follow could hold so many.
//!
//! What cannot be decoded is an error of kind [`UnreadableField`](crate::ErrorKind::UnreadableField), with no field
//! named: all of the value is unreadable. It is the kind of stored data that this version cannot read, which no other
//! request by the caller would mend; [`InvalidInput`](crate::ErrorKind::InvalidInput) would blame the caller for what
//! a store or a channel held. It is never taken for an absent session.

mod delta;
mod read;
mod record;
mod write;

/// The version that is written, and the only one that is read.
pub const VERSION: u8 = 1;
