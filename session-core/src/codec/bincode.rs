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

/// The longest payload, in bytes.
const MAX_PAYLOAD: usize = 16 * 1_024 * 1_024;
/// bincode counts each number at its full width, up to 16 times its size in the payload.
const WIDEST: usize = 16;

/// bincode 2 with its standard configuration, through serde. Compact, and no longer maintained (RUSTSEC-2025-0141).
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
pub struct Bincode;

impl Codec for Bincode {
    fn format(&self) -> Format {
        Format::BINCODE
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
    bytes.extend([Format::BINCODE.byte(), shape::of(value)?]);
    bincode::serde::encode_into_std_write(
        Strict::new(value, InOrder::default()),
        &mut bytes,
        bincode::config::standard(),
    )?;
    if bytes.len() > MAX_PAYLOAD {
        return Err("a bincode payload may not exceed 16 MiB".into());
    }
    Ok(Value::from(bytes))
}

pub(super) fn decode<'de, S: DeserializeSeed<'de>>(payload: &'de [u8], seed: S) -> Result<S::Value, CodecError> {
    let (shape, payload) = payload.split_first().ok_or("no shape")?;
    let seed = Shaped { inner: seed, shape: *shape };
    // bincode allocates as much as a length prefix says, up to a limit that must be known at compile time.
    let (value, used) = match payload.len() {
        0..=1_024 => decode_within::<{ 1_024 * WIDEST }, _>(payload, seed)?,
        1_025..=65_536 => decode_within::<{ 65_536 * WIDEST }, _>(payload, seed)?,
        65_537..=1_048_576 => decode_within::<{ 1_048_576 * WIDEST }, _>(payload, seed)?,
        _ => decode_within::<{ MAX_PAYLOAD * WIDEST }, _>(payload, seed)?,
    };
    if used == payload.len() { Ok(value) } else { Err("trailing bytes".into()) }
}

fn decode_within<'de, const LIMIT: usize, S: DeserializeSeed<'de>>(
    payload: &'de [u8],
    seed: S,
) -> Result<(S::Value, usize), CodecError> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    Ok(bincode::serde::seed_decode_from_slice(seed, payload, config)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::Codecs,
        model::{Entry, Field, Incarnation},
    };

    /// Small numbers take one byte each and are counted at eight or sixteen.
    #[test]
    fn written_values_can_be_read_at_every_size() {
        let field = Field::new("f").unwrap();
        let at = Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(&field) };
        let codecs = Codecs::new(Bincode);
        for len in [0, 1, 1_000, 1_030, 65_000, 66_000, 4_000_000] {
            let numbers = vec![1u128; len];
            let value = codecs.encode(&numbers, &at).unwrap();
            assert_eq!(codecs.decode::<Vec<u128>>(&value, &at).unwrap().len(), len);
        }
    }

    /// A length prefix cannot cause an allocation much larger than the payload could fill: at each size, the limit is
    /// checked before the allocation.
    #[test]
    fn a_length_prefix_is_bounded_by_the_payload() {
        for (len, claimed) in [(1_000, 32_768u32), (65_000, 2_097_152), (1_000_000, 33_554_432)] {
            let mut payload = vec![0; len];
            payload[0] = crate::codec::shape::of("").unwrap();
            payload[1] = 252;
            payload[2..6].copy_from_slice(&claimed.to_le_bytes());
            let error = Bincode
                .decode(&payload, &mut |deserializer| erased_serde::deserialize::<String>(deserializer).map(drop));
            assert!(error.unwrap_err().to_string().contains("LimitExceeded"), "{len}");
        }
    }
}
