//! Encoded values: a format byte and a payload, or nothing at all for a member of a set.

use std::fmt;

use bytes::Bytes;

/// The format of a value: its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format(u8);

impl Format {
    /// bincode 2, standard configuration, through serde.
    pub const BINCODE: Self = Self(1);
    /// postcard 1.
    pub const POSTCARD: Self = Self(2);
    /// JSON.
    pub const JSON: Self = Self(3);
    /// XChaCha20-Poly1305 around a value of another format.
    pub const SEALED: Self = Self(4);

    /// A format of your own: 128 to 255. The numbers below are this workspace's; other numbers give `None`.
    pub const fn custom(byte: u8) -> Option<Self> {
        if byte >= 128 { Some(Self(byte)) } else { None }
    }

    /// The format byte.
    pub const fn byte(self) -> u8 {
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
/// The empty value has neither; it is the value of a member of a set. `Debug` prints the format and the length
/// only.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Value(Bytes);

impl Value {
    /// The value of a member of a set.
    pub const MEMBER: Self = Self(Bytes::new());

    /// A value of a format that no codec has.
    pub(crate) const UNREADABLE: Self = Self(Bytes::from_static(&[0]));

    /// A value in this format.
    pub fn new(format: Format, payload: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(1 + payload.len());
        bytes.push(format.byte());
        bytes.extend_from_slice(payload);
        Self(bytes.into())
    }

    /// A value as a store holds it: format byte and payload, or empty. Not decoded, hence never refused: what
    /// cannot be read is an error when it is read.
    pub const fn from_bytes(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The stored form.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The format, unless this is the empty value.
    pub fn format(&self) -> Option<Format> {
        self.0.first().copied().map(Format)
    }

    /// What follows the format byte.
    pub fn payload(&self) -> &[u8] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Length of the stored form, in bytes.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this is the empty value, that of a member of a set.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
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
