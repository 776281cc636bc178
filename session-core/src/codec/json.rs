use serde::{Serialize, de::DeserializeSeed};

use crate::{
    codec::{Codec, CodecError, Location, Read, TYPICAL_BYTES, read_seed::ReadSeed, strict::Strict},
    model::{Format, Value},
};

/// JSON, the default. It describes itself: a number is read back by its value as any type that it fits, fields of a struct
/// may come, go and move, `serde_json::Value` works, and a person can inspect the store. It is larger than the binary
/// formats.
///
/// A value that JSON would change without an error is refused when it is inserted: a float that is not finite, `Some(None)`
/// and `Some(())`. So are those that JSON cannot represent or that could not be read back: maps whose keys are neither
/// texts nor numbers nor unit variants, and values nested more than 127 deep.
///
/// A number that is read as a float is rounded to the nearest one of that type. An integer above 2^53 may change, and a
/// number that is too large for an `f32` becomes infinite: read integers as integers, and an `f64` as an `f64`.
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
    serde_json::to_writer(&mut bytes, &Strict::new(value))?;
    Ok(Value::from(bytes))
}

pub(super) fn decode<'de, S: DeserializeSeed<'de>>(payload: &'de [u8], seed: S) -> Result<S::Value, CodecError> {
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}
