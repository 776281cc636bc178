use crate::{
    Format, Value,
    codec::{Codec, CodecError, Location, Read, ReadSeed},
};

/// The longest payload, in bytes: what a length prefix in hostile input can make bincode allocate.
const MAX_PAYLOAD: usize = 16 * 1_024 * 1_024;

/// bincode 2 with its standard configuration, through serde. Compact; not self-describing, so fields can be neither
/// added to nor reordered in a stored struct, and `serde_json::Value` cannot be read back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bincode;

impl Codec for Bincode {
    fn format(&self) -> Format {
        Format::BINCODE
    }

    fn encode(&self, value: &dyn erased_serde::Serialize, _: &Location<'_>) -> Result<Value, CodecError> {
        let mut bytes = vec![Format::BINCODE.byte()];
        bincode::serde::encode_into_std_write(value, &mut bytes, bincode::config::standard())?;
        if bytes.len() > MAX_PAYLOAD {
            return Err("a bincode payload has at most 16 MiB".into());
        }
        Ok(Value::from_bytes(bytes.into()))
    }

    fn decode<'de>(&self, payload: &'de [u8], read: Read<'_, 'de>) -> Result<(), CodecError> {
        let config = bincode::config::standard().with_limit::<MAX_PAYLOAD>();
        let ((), used) = bincode::serde::seed_decode_from_slice(ReadSeed(read), payload, config)?;
        if used == payload.len() { Ok(()) } else { Err("trailing bytes".into()) }
    }
}
