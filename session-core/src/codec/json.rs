use serde::{Serialize, de::DeserializeSeed};

use crate::{
    codec::{Codec, CodecError, Location, Read, TYPICAL_BYTES, read_seed::ReadSeed},
    model::{Format, Value},
};

/// JSON. It is self-describing, so it reads `serde_json::Value` and structs that have gained or lost fields, and a
/// person can inspect the store. Larger and slower than the binary formats.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl Codec for Json {
    fn format(&self) -> Format {
        Format::JSON
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
    bytes.push(Format::JSON.byte());
    serde_json::to_writer(&mut bytes, value)?;
    Ok(Value::from(bytes))
}

pub(super) fn decode<'de, S: DeserializeSeed<'de>>(payload: &'de [u8], seed: S) -> Result<S::Value, CodecError> {
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}
