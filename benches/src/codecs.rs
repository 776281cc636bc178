//! The codecs, and the libraries behind them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use session_core::{
    codec::{Bincode, Codec, Codecs, Json, Location, Postcard},
    model::{Entry, Field, Incarnation, Value},
};

/// A value of the kind that an application keeps in a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shop {
    user: Option<u64>,
    theme: String,
    cart: BTreeMap<String, u32>,
    roles: BTreeSet<String>,
}

impl Default for Shop {
    fn default() -> Self {
        Self {
            user: Some(4_711),
            theme: "dark".to_owned(),
            cart: (0..6).map(|n| (format!("sku-{n:04}"), n)).collect(),
            roles: ["buyer", "reviewer"].map(str::to_owned).into(),
        }
    }
}

type Encode = fn(&Shop) -> Vec<u8>;
type Decode = fn(&[u8]) -> Shop;

/// A format: through [`Codecs`], and through its library alone.
#[derive(Debug)]
pub struct Subject {
    /// The format.
    pub name: &'static str,
    codecs: Codecs,
    value: Value,
    bytes: Vec<u8>,
    encode: Encode,
    decode: Decode,
    field: Field,
}

impl Subject {
    fn new(name: &'static str, codec: impl Codec + 'static, encode: Encode, decode: Decode) -> Self {
        let field = Field::new("shop").unwrap();
        let codecs = Codecs::new(codec);
        let value = codecs.encode(&Shop::default(), &location(&field)).unwrap();
        Self { name, codecs, value, bytes: encode(&Shop::default()), encode, decode, field }
    }

    /// Encodes through [`Codecs`]: the format byte, the registry, the value.
    #[must_use]
    pub fn encoded(&self, shop: &Shop) -> Value {
        self.codecs.encode(shop, &location(&self.field)).unwrap()
    }

    /// Decodes through [`Codecs`].
    #[must_use]
    pub fn decoded(&self) -> Shop {
        self.codecs.decode(&self.value, &location(&self.field)).unwrap()
    }

    /// Encodes by the library.
    #[must_use]
    pub fn encoded_bare(&self, shop: &Shop) -> Vec<u8> {
        (self.encode)(shop)
    }

    /// Decodes by the library.
    #[must_use]
    pub fn decoded_bare(&self) -> Shop {
        (self.decode)(&self.bytes)
    }

    /// The bytes of the encoded value, including the format byte and the shape.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.value.as_bytes().len()
    }
}

fn location(field: &Field) -> Location<'_> {
    Location { incarnation: Incarnation::from(1), entry: Entry::Scalar(field) }
}

/// All formats.
#[must_use]
pub fn subjects() -> [Subject; 3] {
    [
        Subject::new(
            "bincode",
            Bincode,
            |shop| bincode::serde::encode_to_vec(shop, bincode::config::standard()).unwrap(),
            |bytes| bincode::serde::decode_from_slice(bytes, bincode::config::standard()).unwrap().0,
        ),
        Subject::new(
            "postcard",
            Postcard,
            |shop| postcard::to_allocvec(shop).unwrap(),
            |bytes| postcard::from_bytes(bytes).unwrap(),
        ),
        Subject::new(
            "json",
            Json,
            |shop| serde_json::to_vec(shop).unwrap(),
            |bytes| serde_json::from_slice(bytes).unwrap(),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_give_the_same_value() {
        for subject in subjects() {
            let shop = Shop::default();
            assert_eq!((subject.decoded(), subject.decoded_bare()), (shop.clone(), shop.clone()), "{}", subject.name);
            // Formats that do not describe themselves have a byte for the shape before it.
            let (encoded, bare) = (subject.encoded(&shop), subject.encoded_bare(&shop));
            assert!(
                encoded.payload().ends_with(&bare) && encoded.payload().len() <= bare.len() + 1,
                "{}",
                subject.name
            );
        }
    }
}
