use serde::de::DeserializeSeed;

use crate::{
    Format, Value,
    codec::{Codec, CodecError, Location, Read, ReadSeed},
};

/// postcard 1. Compact and maintained; not self-describing, with the same consequences as for bincode.
///
/// Not for types that let a payload from outside run away with the decoder; see [`Codec::decode`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Postcard;

impl Codec for Postcard {
    fn format(&self) -> Format {
        Format::POSTCARD
    }

    fn encode(&self, value: &dyn erased_serde::Serialize, _: &Location<'_>) -> Result<Value, CodecError> {
        let bytes = postcard::to_extend(value, vec![Format::POSTCARD.byte()])?;
        Ok(Value::from_bytes(bytes.into()))
    }

    fn decode<'de>(&self, payload: &'de [u8], read: Read<'_, 'de>) -> Result<(), CodecError> {
        let mut deserializer = postcard::Deserializer::from_bytes(payload);
        ReadSeed(read).deserialize(&mut deserializer)?;
        if deserializer.finalize()?.is_empty() { Ok(()) } else { Err("trailing bytes".into()) }
    }
}
