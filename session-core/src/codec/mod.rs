//! How values are encoded and decoded.
//!
//! Every stored value starts with a [format byte](crate::model::Format), so one session may have values of different
//! formats. A new format takes effect value by value, as values are written. A [`Codec`] handles one format; [`Codecs`]
//! writes one format and reads several. The builder of [`Sessions`](crate::Sessions) chooses what is written; which features
//! are on does not.
//!
//! | format | feature | self-describing | note |
//! |---|---|---|---|
//! | [`Json`] | `json` (default) | yes | the format that is written by default |
//! | [`Postcard`] | `postcard` | no | compact; the type that reads must be the type that wrote |
//! | [`Bincode`] | `bincode` | no | the same; bincode 2 is no longer maintained (RUSTSEC-2025-0141) |
//! | [`Sealed`] | `sealed` | – | XChaCha20-Poly1305 around any of them |
//!
#![cfg_attr(not(feature = "bincode"), doc = "[`Bincode`]: crate::codec")]
#![cfg_attr(not(feature = "postcard"), doc = "[`Postcard`]: crate::codec")]
#![cfg_attr(not(feature = "json"), doc = "[`Json`]: crate::codec")]
#![cfg_attr(not(feature = "sealed"), doc = "[`Sealed`]: crate::codec")]

mod any_codec;
#[cfg(feature = "bincode")]
mod bincode;
#[cfg(feature = "json")]
mod exact;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "postcard")]
mod postcard;
#[cfg(any(feature = "bincode", feature = "json", feature = "postcard"))]
mod read_seed;
mod registry;
#[cfg(feature = "sealed")]
mod sealed;
#[cfg(any(feature = "bincode", feature = "postcard"))]
mod shape;
#[cfg(any(feature = "bincode", feature = "json", feature = "postcard"))]
mod strict;

use std::fmt;

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

/// Capacity for a value of typical size, so that its buffer need not grow.
#[cfg(any(feature = "bincode", feature = "json", feature = "postcard"))]
const TYPICAL_BYTES: usize = 64;

/// Why a value cannot be encoded or decoded. It is meant for the author of the codec. It may quote the value, so
/// [`Codecs`] keeps it out of the errors that applications see.
pub type CodecError = Box<dyn std::error::Error + Send + Sync>;

/// The place of a value in a session. A sealing codec binds the value to it.
#[derive(Clone, Copy, Debug)]
pub struct Location<'a> {
    /// The incarnation of the session, or of the one whose entries it took over when a sign-in started it.
    pub incarnation: Incarnation,
    /// The field and, for a keyed entry, the key.
    pub entry: Entry<'a>,
}

/// One format of values.
pub trait Codec: fmt::Debug + Send + Sync {
    /// The format, which is the first byte of every value it writes.
    fn format(&self) -> Format;

    /// Encodes a value, including the format byte.
    ///
    /// # Errors
    /// When the value cannot be represented.
    fn encode(&self, value: &dyn erased_serde::Serialize, at: &Location<'_>) -> Result<Value, CodecError>;

    /// Decodes a payload, which is the bytes after the format byte, by handing a deserializer to `read`. It refuses
    /// trailing bytes. Payloads come from outside: no input may make it panic or allocate without bound.
    ///
    /// Two things depend on the type that is read, and neither `Bincode` nor `Postcard` bounds them (`Json` does):
    /// - Elements of size zero, as in `Vec<()>`, take no bytes, so a length prefix of a few bytes can demand any number
    ///   of steps.
    /// - A recursive type, such as `enum List { Cons(Box<List>), Nil }`, is read as deep as the payload is long: 60 KB
    ///   overflow the stack.
    ///
    /// Where others can write to the store, do not store such types, or read them only from JSON or `Sealed` values.
    ///
    /// # Errors
    /// When the payload is malformed or `read` fails.
    fn decode<'de>(&self, payload: &'de [u8], read: Read<'_, 'de>) -> Result<(), CodecError>;

    /// Unwraps a value, for a codec that wraps values of other formats (sealing, compression). The codecs of
    /// [`inner`](Self::inner) then decode the result. It is not called on a codec that has no inner codecs. The default
    /// returns `None`: this codec does not wrap.
    ///
    /// # Errors
    /// When the value cannot be opened.
    fn unwrap(&self, value: &Value, at: &Location<'_>) -> Result<Option<Value>, CodecError> {
        let _ = (value, at);
        Ok(None)
    }

    /// Wraps a value of an inner format for another place, for a codec that wraps values of other formats. The inverse of
    /// [`unwrap`](Self::unwrap). [`Session::start_over`](crate::Session::start_over) needs it for values that it moves to
    /// another session. The default returns `None`: such values cannot be moved.
    ///
    /// # Errors
    /// When the value cannot be wrapped.
    fn wrap(&self, plain: &Value, at: &Location<'_>) -> Result<Option<Value>, CodecError> {
        let _ = (plain, at);
        Ok(None)
    }

    /// The codecs of the wrapped values, for a codec that wraps values of other formats.
    fn inner(&self) -> Option<&Codecs> {
        None
    }
}

/// Reads the value from a deserializer.
pub type Read<'r, 'de> = &'r mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>;
