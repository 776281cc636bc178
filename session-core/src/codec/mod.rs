//! How values become bytes and back.
//!
//! Every stored value starts with a [format byte](crate::model::Format), so values of one session may be of different formats, and a
//! new default format takes over value by value as they are written. A [`Codec`] handles one format; [`Codecs`]
//! writes with one and reads with several.
//!
//! | format | feature | self-describing | note |
//! |---|---|---|---|
//! | [`Bincode`] | `bincode` (default) | no | bincode 2; no longer maintained (RUSTSEC-2025-0141), hence behind this trait |
//! | [`Postcard`] | `postcard` | no | the maintained binary alternative |
//! | [`Json`] | `json` (default) | yes | works for `serde_json::Value` |
//! | [`Sealed`] | `sealed` | – | XChaCha20-Poly1305 around any of them |

#[cfg(feature = "bincode")]
mod bincode;
#[cfg(feature = "json")]
mod json;
mod member;
#[cfg(feature = "postcard")]
mod postcard;
mod registry;
#[cfg(feature = "sealed")]
mod sealed;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _};

use crate::model::{Entry, Format, Incarnation, Value};

#[cfg(feature = "bincode")]
pub use self::bincode::Bincode;
#[cfg(feature = "json")]
pub use self::json::Json;
#[cfg(feature = "postcard")]
pub use self::postcard::Postcard;
pub use self::registry::Codecs;
#[cfg(feature = "sealed")]
pub use self::sealed::{KeyRing, Sealed};

/// Room for a value of usual size, so that it is written without growing its buffer.
#[cfg(any(feature = "bincode", feature = "json", feature = "postcard"))]
const TYPICAL_BYTES: usize = 64;

/// Why a value cannot be encoded or decoded. It is for the codec's author; it may quote the value, so
/// [`Codecs`] keeps it out of the errors that applications see.
pub type CodecError = Box<dyn std::error::Error + Send + Sync>;

/// Where a value stands: what a sealing codec binds it to.
#[derive(Clone, Copy, Debug)]
pub struct Location<'a> {
    /// Of the session.
    pub incarnation: Incarnation,
    /// Field and, for a keyed entry, key.
    pub entry: Entry<'a>,
}

/// One format of values.
pub trait Codec: fmt::Debug + Send + Sync {
    /// The format, which is the first byte of every value it writes.
    fn format(&self) -> Format;

    /// Encodes a value, format byte included.
    ///
    /// # Errors
    /// When the value cannot be represented.
    fn encode(&self, value: &dyn erased_serde::Serialize, at: &Location<'_>) -> Result<Value, CodecError>;

    /// Decodes a payload (what follows the format byte) by handing a deserializer to `read`, and refuses what is left
    /// over. Payloads come from outside: no input may make it panic or allocate without bound.
    ///
    /// Two things depend on the type that is read, and neither [`Bincode`] nor [`Postcard`] bounds them ([`Json`] does):
    /// - elements of size zero, as in `Vec<()>`, take no bytes, so a length prefix of a few bytes can demand as many
    ///   steps as it likes;
    /// - a recursive type, as `enum List { Cons(Box<List>), Nil }`, is read as deep as the payload is long: 60 KB
    ///   overflow the stack.
    ///
    /// Store no such types where others can write to the store, or read them from JSON or [`Sealed`] values.
    ///
    /// # Errors
    /// When the payload is malformed or `read` fails.
    fn decode<'de>(&self, payload: &'de [u8], read: Read<'_, 'de>) -> Result<(), CodecError>;

    /// For a codec that wraps values of other formats (sealing, compression): the value within, and then
    /// [`inner`](Self::inner) says who decodes that. Not asked of a codec that has no inner one. The default says that
    /// there is none.
    ///
    /// # Errors
    /// When the value cannot be opened.
    fn unwrap(&self, value: &Value, at: &Location<'_>) -> Result<Option<Value>, CodecError> {
        let _ = (value, at);
        Ok(None)
    }

    /// For a codec that wraps values of other formats: the codecs of the values within.
    fn inner(&self) -> Option<&Codecs> {
        None
    }
}

/// What reads the value from a deserializer.
pub type Read<'r, 'de> = &'r mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>;

/// A [`Read`] as a seed, for formats whose deserializer has a type of its own.
pub struct ReadSeed<'r, 'de>(pub Read<'r, 'de>);

impl fmt::Debug for ReadSeed<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadSeed")
    }
}

impl<'de> DeserializeSeed<'de> for ReadSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut erased = <dyn erased_serde::Deserializer<'de>>::erase(deserializer);
        (self.0)(&mut erased).map_err(D::Error::custom)
    }
}
