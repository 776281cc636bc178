//! Names of entries: fields, and keys within a field.

use std::{borrow::Borrow, fmt};

use serde::{Serialize, de::DeserializeOwned};
use smol_str::SmolStr;

use crate::{Error, ErrorKind, model::key_text};

/// The name of a scalar or of a keyed field: 1 to 255 bytes of UTF-8.
///
/// Names up to 23 bytes are stored inline, so a clone copies 24 bytes and allocates nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(SmolStr);

impl Field {
    /// The maximum length, in bytes.
    pub(crate) const MAX_LEN: usize = 255;

    /// The field with this name.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the name is empty or longer than 255 bytes.
    pub fn new(name: &str) -> Result<Self, Error> {
        match name.len() {
            1..=Self::MAX_LEN => Ok(Self(SmolStr::new(name))),
            _ => Err(Error::new(ErrorKind::InvalidInput, "a field name has 1 to 255 bytes")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Field {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The key of an entry within a keyed field: up to 1,024 bytes of UTF-8, the empty string included.
///
/// A key has one canonical text, independent of the codec of values, so that every node, version and language finds the
/// same entry. Strings are used as they are, integers in decimal, `bool`, `char` and unit variants by name, and
/// newtypes as the type that they wrap. Floats, bytes, options and compound types are refused.
///
/// Keys are data: account numbers, addresses, and the members of sets. `Debug` prints only the length.
///
/// ```
/// use session_core::model::Key;
///
/// assert_eq!(Key::encode("sku-1")?.as_str(), "sku-1");
/// assert_eq!(Key::encode(&7u64)?.as_str(), "7");
/// assert_eq!(Key::encode(&7u64)?.decode::<u64>()?, 7);
/// assert!(Key::encode(&1.5f64).is_err());
/// # Ok::<(), session_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(SmolStr);

impl Key {
    /// The maximum length, in bytes.
    pub(crate) const MAX_LEN: usize = 1_024;

    /// The key with this text.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the text is longer than 1,024 bytes.
    pub fn new(text: &str) -> Result<Self, Error> {
        Self::from_text(SmolStr::new(text))
    }

    fn from_text(text: SmolStr) -> Result<Self, Error> {
        if text.len() > Self::MAX_LEN {
            return Err(Error::new(ErrorKind::InvalidInput, "a key has at most 1,024 bytes"));
        }
        Ok(Self(text))
    }

    /// The canonical key of a value.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the type cannot be a key or the text is too long.
    pub fn encode<K: Serialize + ?Sized>(key: &K) -> Result<Self, Error> {
        let text = key.serialize(key_text::Writer).map_err(|source| {
            Error::new(
                ErrorKind::InvalidInput,
                "keys are strings, integers, booleans, characters, unit variants or newtypes of them",
            )
            .with_source(source)
        })?;
        Self::from_text(text)
    }

    /// Decodes the value whose canonical key this is.
    ///
    /// # Errors
    /// [`UnreadableField`](ErrorKind::UnreadableField) when the text is not the canonical text of a `K`.
    pub fn decode<K: DeserializeOwned>(&self) -> Result<K, Error> {
        K::deserialize(key_text::Reader(self.as_str())).map_err(|source| {
            Error::new(ErrorKind::UnreadableField, "the key is not of the requested type").with_source(source)
        })
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} bytes)", self.as_str().len())
    }
}
