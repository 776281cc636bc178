use serde::{Serialize, de::DeserializeSeed};

use crate::{
    codec::{
        Codec, CodecError, Location, Read, TYPICAL_BYTES,
        read_seed::ReadSeed,
        shape::{self, Shaped},
        strict::{InOrder, Strict},
    },
    model::{Format, Value},
};

/// postcard 1. Compact and maintained.
///
/// It does not describe itself: **the type that reads must be the type that wrote**, integers included. The value carries
/// its outermost shape, so an `i32` that is read as a `u32`, or as a struct, is an error. Within a struct or a list, an
/// `i32` of 2 would be read as a `u32` of 4. Fields can be neither added to nor reordered in a stored struct.
///
/// Types with these attributes of serde need a format that describes itself, such as JSON:
/// - `flatten`, `tag` with `content`, and `skip_serializing_if` when it skips a field of a struct: such a value is refused
///   when it is inserted.
/// - `untagged`, `tag` without `content`, and `serde_json::Value`: they are written like other types, so they cannot be
///   recognised when they are inserted. Reading one is always an error.
/// - `skip_serializing` without `skip_deserializing`, and `skip_serializing_if` when it skips a field of a tuple: they
///   cannot be recognised either, and what is read may be wrong.
///
/// Do not use it for types with which a payload from outside can exhaust the decoder; see [`Codec::decode`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Postcard;

impl Codec for Postcard {
    fn format(&self) -> Format {
        Format::POSTCARD
    }

    fn encode(&self, value: &dyn erased_serde::Serialize, _: &Location<'_>) -> Result<Value, CodecError> {
        encode(value)
    }

    fn decode<'de>(&self, payload: &'de [u8], read: Read<'_, 'de>) -> Result<(), CodecError> {
        decode(payload, ReadSeed(read))
    }
}

pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Value, CodecError> {
    let mut bytes = Vec::with_capacity(TYPICAL_BYTES);
    bytes.extend([Format::POSTCARD.byte(), shape::of(value)?]);
    let bytes = postcard::to_extend(&Strict::new(value, InOrder::default()), bytes)?;
    Ok(Value::from(bytes))
}

pub(super) fn decode<'de, S: DeserializeSeed<'de>>(payload: &'de [u8], seed: S) -> Result<S::Value, CodecError> {
    let (shape, payload) = payload.split_first().ok_or("no shape")?;
    let mut deserializer = postcard::Deserializer::from_bytes(payload);
    let value = Shaped { inner: seed, shape: *shape }.deserialize(&mut deserializer)?;
    if deserializer.finalize()?.is_empty() { Ok(value) } else { Err("trailing bytes".into()) }
}
