use serde::{Serialize, de::DeserializeSeed};

use crate::{
    codec::{Codec, CodecError, Location, Read, TYPICAL_BYTES, read_seed::ReadSeed},
    model::{Format, Value},
};

/// postcard 1. Compact and maintained. It is not self-describing, with the same consequences as for bincode.
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
    bytes.push(Format::POSTCARD.byte());
    let bytes = postcard::to_extend(value, bytes)?;
    Ok(Value::from(bytes))
}

pub(super) fn decode<'de, S: DeserializeSeed<'de>>(payload: &'de [u8], seed: S) -> Result<S::Value, CodecError> {
    let mut deserializer = postcard::Deserializer::from_bytes(payload);
    let value = seed.deserialize(&mut deserializer)?;
    if deserializer.finalize()?.is_empty() { Ok(value) } else { Err("trailing bytes".into()) }
}
