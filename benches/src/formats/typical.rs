//! Values that sessions typically have: their sizes, and the times to encode and decode them.

use std::{collections::BTreeMap, fmt, hint::black_box, rc::Rc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use session_core::{
    codec::{Bincode, Codec, Codecs, Json, Postcard},
    model::{Field, Value},
};

use super::{FORMATS, decode_message_pack, encode_message_pack, location};

/// A value in all formats.
#[derive(Debug)]
pub struct Typical {
    /// The value in words.
    pub name: &'static str,
    /// Its id in the names of claims.
    pub id: &'static str,
    /// The value in each of [`FORMATS`].
    pub formats: [InFormat; 4],
}

/// A value in one format.
pub struct InFormat {
    /// The bytes of the encoded value, including the format byte and the shape.
    pub bytes: usize,
    encode: Box<dyn Fn()>,
    decode: Box<dyn Fn()>,
}

impl fmt::Debug for InFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFormat").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl InFormat {
    fn new<T: PartialEq + fmt::Debug + 'static>(
        value: &Rc<T>,
        encode: impl Fn(&T) -> Value + 'static,
        decode: impl Fn(&Value) -> T + 'static,
    ) -> Self {
        let stored = encode(value);
        assert_eq!(decode(&stored), **value);
        let (bytes, value) = (stored.as_bytes().len(), value.clone());
        Self {
            bytes,
            encode: Box::new(move || drop(black_box(encode(black_box(&*value))))),
            decode: Box::new(move || drop(black_box(decode(black_box(&stored))))),
        }
    }

    /// Encodes the value.
    pub fn encode(&self) {
        (self.encode)();
    }

    /// Decodes the value.
    pub fn decode(&self) {
        (self.decode)();
    }
}

fn through_codecs<T>(codec: impl Codec + 'static, value: &Rc<T>) -> InFormat
where
    T: Serialize + DeserializeOwned + PartialEq + fmt::Debug + 'static,
{
    let field = Field::new("value").unwrap();
    let codecs = Codecs::new(codec);
    let (reads, read) = (codecs.clone(), field.clone());
    InFormat::new(
        value,
        move |value| codecs.encode(value, &location(&field)).unwrap(),
        move |value| reads.decode(value, &location(&read)).unwrap(),
    )
}

impl Typical {
    fn new<T>(id: &'static str, name: &'static str, value: T) -> Self
    where
        T: Serialize + DeserializeOwned + PartialEq + fmt::Debug + 'static,
    {
        let value = &Rc::new(value);
        let message_pack = InFormat::new(
            value,
            |value| encode_message_pack(value).unwrap(),
            |value| decode_message_pack(value).unwrap(),
        );
        let formats = [
            through_codecs(Json, value),
            message_pack,
            through_codecs(Postcard, value),
            through_codecs(Bincode, value),
        ];
        Self { name, id, formats }
    }

    /// The value in the format of this name.
    #[must_use]
    pub fn of(&self, format: &str) -> &InFormat {
        let at = FORMATS.iter().position(|name| *name == format);
        &self.formats[at.unwrap()]
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    sku: String,
    count: u32,
    price: f64,
    gift: bool,
    added: Option<u64>,
}

fn item(n: u32) -> Item {
    Item {
        sku: format!("sku-{n:04}"),
        count: 1 + n % 3,
        price: f64::from(n).mul_add(0.25, 4.99),
        gift: n.is_multiple_of(5),
        added: n.is_multiple_of(2).then_some(1_764_547_200 + u64::from(n)),
    }
}

/// The values.
#[must_use]
pub fn typical() -> [Typical; 6] {
    let prices: BTreeMap<String, u32> = (0..20).map(|n| (format!("sku-{n:04}"), 100 * n)).collect();
    let bytes: Vec<u8> = (0..64u8).map(|n| n.wrapping_mul(37)).collect();
    [
        Typical::new("text", "a text of 8 letters", "midnight".to_owned()),
        Typical::new("integer", "an integer of 10 digits", 1_764_547_200_u64),
        Typical::new("struct", "a struct of 5 fields", item(2)),
        Typical::new("list", "a list of 100 such structs", (0..100).map(item).collect::<Vec<_>>()),
        Typical::new("map", "a map of 20 texts to integers", prices),
        Typical::new("bytes", "64 bytes, as a `Vec<u8>`", bytes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_as_it_was_in_every_format() {
        for value in typical() {
            for format in FORMATS {
                let it = value.of(format);
                (it.encode)();
                (it.decode)();
                assert!(it.bytes > 1, "{} in {format}", value.name);
            }
            assert!(value.of("MessagePack").bytes <= value.of("JSON").bytes, "{}", value.name);
        }
    }
}
