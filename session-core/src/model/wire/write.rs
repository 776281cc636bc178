//! Writing, into bytes or into a count of bytes.

use bytes::Bytes;

use super::VERSION;
use crate::model::{Field, Key, Value};

/// The destination of encoded bytes.
pub(super) trait Sink {
    fn put(&mut self, bytes: &[u8]);

    fn put_one(&mut self, byte: u8);
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn put_one(&mut self, byte: u8) {
        self.push(byte);
    }
}

/// Counts bytes, so that the encoded form can be written into one allocation of the right size.
#[derive(Default)]
struct Length(usize);

impl Sink for Length {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    #[inline]
    fn put_one(&mut self, _: u8) {
        self.0 += 1;
    }
}

/// A type with an encoded form.
pub(super) trait Encode {
    /// The first version of the format that has all parts of this value.
    fn version(&self) -> u8 {
        VERSION
    }

    /// Writes everything after the version byte.
    fn body(&self, sink: &mut impl Sink);

    fn length(&self) -> usize {
        let mut length = Length(1);
        self.body(&mut length);
        length.0
    }

    fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.length());
        out.push(self.version());
        self.body(&mut out);
        out.into()
    }
}

#[inline]
pub(super) fn varint(sink: &mut impl Sink, mut value: u64) {
    while value >= 0x80 {
        sink.put_one(low_seven_bits(value) | 0x80);
        value >>= 7;
    }
    sink.put_one(low_seven_bits(value));
}

fn low_seven_bits(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}

/// A length or a count.
pub(super) fn count(sink: &mut impl Sink, count: usize) {
    varint(sink, count as u64);
}

pub(super) fn field(sink: &mut impl Sink, field: &Field) {
    text(sink, field.as_str());
}

pub(super) fn key(sink: &mut impl Sink, key: &Key) {
    text(sink, key.as_str());
}

pub(super) fn text(sink: &mut impl Sink, text: &str) {
    count(sink, text.len());
    sink.put(text.as_bytes());
}

pub(super) fn value(sink: &mut impl Sink, value: &Value) {
    count(sink, value.len());
    sink.put(value.as_bytes());
}
