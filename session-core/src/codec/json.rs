use serde::{Serialize, de::DeserializeSeed, ser::Error};

use crate::{
    codec::{
        Codec, CodecError, Location, Read, TYPICAL_BYTES,
        exact::{Exact, LongIntegers},
        read_seed::ReadSeed,
        strict::{Rules, Strict},
    },
    model::{Format, Value},
};

/// `serde_json` reads no deeper nesting of arrays and objects.
const MAX_DEPTH: u8 = 127;

/// JSON, the default. It describes itself: a number is read back by its value as any type that it fits, fields of a struct
/// may come, go and move, `serde_json::Value` works, and a person can inspect the store. It is larger than the binary
/// formats.
///
/// A value that JSON would change without an error is refused when it is inserted: a float that is not finite, `Some(None)`
/// and `Some(())`. So are those that JSON cannot represent or that could not be read back: maps whose keys are neither
/// texts nor numbers nor unit variants, and values nested more than 127 deep.
///
/// A float is read as the nearest one of the type: 0.1 written as an `f64` is the `f32` 0.1. An integer is read as a float
/// only if that float is the integer, and a number that is too large for an `f32` is not read as one. Within untagged and
/// internally tagged enums, and in flattened fields, this is not checked: `serde` converts numbers there by itself, so an
/// integer above 2^53 may change, and an `f32` become infinite.
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
    serde_json::to_writer(&mut bytes, &Strict::new(value, Place::default()))?;
    Ok(Value::from(bytes))
}

pub(super) fn decode<'de, S: DeserializeSeed<'de>>(payload: &'de [u8], seed: S) -> Result<S::Value, CodecError> {
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    let long = LongIntegers::of(payload);
    let value = seed.deserialize(Exact::new(&mut deserializer, &long))?;
    deserializer.end()?;
    Ok(value)
}

/// The place of a value within another one.
///
/// JSON writes `null` for `None` and `()`, and `serde_json` also for a float that is not finite. Of these, `Some(None)`,
/// `Some(())` and a float in an `Option` would be read as `None`, and a float alone could not be read.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Whether the value is the content of a `Some`.
    in_some: bool,
    /// The number of arrays and objects around the value.
    depth: u8,
}

impl Rules for Place {
    fn admit_empty<E: Error>(self) -> Result<(), E> {
        match self.in_some {
            true => Err(E::custom("`Some` of an empty value would be read as `None`")),
            false => Ok(()),
        }
    }

    fn admit_float<E: Error>(self, is_finite: bool) -> Result<(), E> {
        if is_finite { Ok(()) } else { Err(E::custom("JSON has no number for a float that is not finite")) }
    }

    fn in_some(self) -> Self {
        Self { in_some: true, ..self }
    }

    fn within<E: Error>(self, levels: u8) -> Result<Self, E> {
        match self.depth + levels {
            depth @ ..=MAX_DEPTH => Ok(Self { in_some: false, depth }),
            _ => Err(E::custom("the value is nested too deeply to be read back")),
        }
    }
}
