//! Encoded values: a format byte and a payload, or nothing for a member of a set.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use bytes::Bytes;

/// The format of a value: its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format(u8);

impl Format {
    // 1 and 2 were bincode and postcard without a shape. They are retired: no codec reads or writes them.
    /// JSON.
    pub const JSON: Self = Self(3);
    /// XChaCha20-Poly1305 around a value of another format.
    pub const SEALED: Self = Self(4);
    /// The shape of the value (one byte), then bincode 2, standard configuration, through serde.
    pub const BINCODE: Self = Self(5);
    /// The shape of the value (one byte), then postcard 1.
    pub const POSTCARD: Self = Self(6);

    /// A custom format: 128 to 255. Lower numbers are reserved for this workspace and give `None`.
    pub const fn custom(byte: u8) -> Option<Self> {
        if byte >= 128 { Some(Self(byte)) } else { None }
    }

    /// The format byte.
    pub(crate) const fn byte(self) -> u8 {
        self.0
    }
}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BINCODE => f.write_str("bincode"),
            Self::POSTCARD => f.write_str("postcard"),
            Self::JSON => f.write_str("json"),
            Self::SEALED => f.write_str("sealed"),
            Self(byte) => write!(f, "format {byte}"),
        }
    }
}

/// An encoded value, immutable and cheap to clone: a format byte and a payload.
///
/// [`new`](Self::new) adds the format byte to a payload. `Value::from` takes the stored form, a format byte and a payload
/// or nothing, as it is.
///
/// The empty value has neither; it is the value of a member of a set. Values up to 23 bytes are stored inline, without
/// an allocation. `Debug` prints only the format and the length.
#[derive(Clone)]
pub struct Value(Repr);

/// As large as `Bytes` alone: the length of an inline value is at a place where no pointer can be.
#[derive(Clone)]
enum Repr {
    Inline(u8, [u8; INLINE]),
    Heap(Bytes),
}

const INLINE: usize = 23;

impl Value {
    /// The value of a member of a set.
    pub const MEMBER: Self = Self(Repr::Inline(0, [0; INLINE]));

    /// A value of a format that no codec has.
    pub(crate) const UNREADABLE: Self = Self(Repr::Inline(1, [0; INLINE]));

    /// A value in this format.
    pub fn new(format: Format, payload: &[u8]) -> Self {
        let len = 1 + payload.len();
        if len <= INLINE {
            let mut bytes = [0; INLINE];
            bytes[0] = format.byte();
            bytes[1..len].copy_from_slice(payload);
            return Self(Repr::Inline(len as u8, bytes));
        }
        let mut bytes = Vec::with_capacity(len);
        bytes.push(format.byte());
        bytes.extend_from_slice(payload);
        Self(Repr::Heap(bytes.into()))
    }

    /// The stored form.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(len, bytes) => &bytes[..usize::from(*len)],
            Repr::Heap(bytes) => bytes,
        }
    }

    /// The stored form. A long value is shared, not copied.
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Repr::Inline(..) => Bytes::copy_from_slice(self.as_bytes()),
            Repr::Heap(bytes) => bytes.clone(),
        }
    }

    /// The format, unless this is the empty value.
    pub fn format(&self) -> Option<Format> {
        self.as_bytes().first().copied().map(Format)
    }

    /// The bytes after the format byte.
    pub fn payload(&self) -> &[u8] {
        self.as_bytes().get(1..).unwrap_or_default()
    }

    /// The length of the stored form, in bytes.
    pub(crate) const fn len(&self) -> usize {
        match &self.0 {
            Repr::Inline(len, _) => *len as usize,
            Repr::Heap(bytes) => bytes.len(),
        }
    }
}

impl From<Bytes> for Value {
    /// A value in its stored form: format byte and payload, or empty. It is not decoded and therefore never refused; a
    /// value that cannot be decoded is an error when it is read.
    fn from(bytes: Bytes) -> Self {
        if bytes.len() > INLINE {
            return Self(Repr::Heap(bytes));
        }
        let mut inline = [0; INLINE];
        inline[..bytes.len()].copy_from_slice(&bytes);
        Self(Repr::Inline(bytes.len() as u8, inline))
    }
}

impl From<Vec<u8>> for Value {
    /// A value in its stored form.
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl Default for Value {
    fn default() -> Self {
        Self::MEMBER
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.format() {
            None => f.write_str("Value(member)"),
            Some(format) => write!(f, "Value({format:?}, {} bytes)", self.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_values_round_trip_and_compare_by_content() {
        assert_eq!(size_of::<Value>(), size_of::<Bytes>());
        for len in [0, 1, INLINE - 2, INLINE - 1, INLINE, INLINE + 1, 1_000] {
            let payload = vec![7; len];
            let value = Value::new(Format::JSON, &payload);
            assert_eq!((value.format(), value.payload(), value.len()), (Some(Format::JSON), &*payload, len + 1));
            assert_eq!(Value::from(value.to_bytes()), value);
            assert_ne!(Value::new(Format::POSTCARD, &payload), value);
            assert!(matches!(value.0, Repr::Inline(..)) == (len < INLINE));
        }
        assert!(Value::MEMBER.len() == 0 && Value::MEMBER.format().is_none());
        assert_eq!(Value::from(Bytes::new()), Value::MEMBER);
        // A long buffer that is sliced to a short one is the same value as a short one.
        let long = Bytes::from(vec![1; 100]);
        assert_eq!(Value::from(long.slice(..3)), Value::from(Bytes::from_static(&[1; 3])));
    }
}
