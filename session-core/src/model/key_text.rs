//! The canonical text of keys, as a serde serializer and deserializer.

use std::fmt;

use serde::{
    Serialize, Serializer,
    de::{self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor},
    ser::{self, Impossible},
};
use smol_str::{SmolStr, ToSmolStr};

/// Why a value cannot be a key, or a text cannot be decoded. The wording is always our own: the messages of a type may
/// quote the key, which is data.
#[derive(Debug)]
pub(crate) struct KeyError(&'static str);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for KeyError {}

impl ser::Error for KeyError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self("the type cannot be serialized as a key")
    }
}

impl de::Error for KeyError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self("the type does not accept the key's text")
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self("unknown variant")
    }
}

fn refused<T>(why: &'static str) -> Result<T, KeyError> {
    Err(KeyError(why))
}

/// Writes the canonical text.
pub(crate) struct Writer;

macro_rules! display {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, value: $type) -> Result<SmolStr, KeyError> { Ok(value.to_smolstr()) })*
    };
}

impl Serializer for Writer {
    type Ok = SmolStr;
    type Error = KeyError;
    type SerializeSeq = Impossible<SmolStr, KeyError>;
    type SerializeTuple = Impossible<SmolStr, KeyError>;
    type SerializeTupleStruct = Impossible<SmolStr, KeyError>;
    type SerializeTupleVariant = Impossible<SmolStr, KeyError>;
    type SerializeMap = Impossible<SmolStr, KeyError>;
    type SerializeStruct = Impossible<SmolStr, KeyError>;
    type SerializeStructVariant = Impossible<SmolStr, KeyError>;

    display! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
    }

    fn serialize_f32(self, _: f32) -> Result<SmolStr, KeyError> {
        refused("a float cannot be a key")
    }

    fn serialize_f64(self, _: f64) -> Result<SmolStr, KeyError> {
        refused("a float cannot be a key")
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<SmolStr, KeyError> {
        refused("a byte string cannot be a key")
    }

    fn serialize_none(self) -> Result<SmolStr, KeyError> {
        refused("an option cannot be a key")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<SmolStr, KeyError> {
        refused("an option cannot be a key")
    }

    fn serialize_unit(self) -> Result<SmolStr, KeyError> {
        refused("a unit cannot be a key")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<SmolStr, KeyError> {
        refused("a unit struct cannot be a key")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<SmolStr, KeyError> {
        Ok(variant.to_smolstr())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<SmolStr, KeyError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<SmolStr, KeyError> {
        refused("a variant with data cannot be a key")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, KeyError> {
        refused("a sequence cannot be a key")
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, KeyError> {
        refused("a tuple cannot be a key")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, KeyError> {
        refused("a tuple struct cannot be a key")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, KeyError> {
        refused("a variant with data cannot be a key")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, KeyError> {
        refused("a map cannot be a key")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, KeyError> {
        refused("a struct cannot be a key")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, KeyError> {
        refused("a variant with data cannot be a key")
    }
}

/// Reads the canonical text only: neither "+1" nor "01" is the integer 1.
pub(crate) struct Reader<'a>(pub(crate) &'a str);

macro_rules! parse {
    ($($method:ident $visit:ident $type:ty,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, KeyError> {
            match self.0.parse::<$type>() {
                Ok(value) if value.to_smolstr() == self.0 => visitor.$visit(value),
                _ => Err(KeyError(concat!("expected the canonical text of a ", stringify!($type)))),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = KeyError;

    parse! {
        deserialize_bool visit_bool bool, deserialize_char visit_char char,
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, KeyError> {
        visitor.visit_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, KeyError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, KeyError> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        f32 f64 str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

impl<'de> EnumAccess<'de> for Reader<'_> {
    type Error = KeyError;
    type Variant = UnitOnly;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, UnitOnly), KeyError> {
        let name: de::value::StrDeserializer<'_, KeyError> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, UnitOnly))
    }
}

/// Accepts unit variants only.
pub(crate) struct UnitOnly;

impl<'de> VariantAccess<'de> for UnitOnly {
    type Error = KeyError;

    fn unit_variant(self) -> Result<(), KeyError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, KeyError> {
        refused("a variant with data cannot be a key")
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, KeyError> {
        refused("a variant with data cannot be a key")
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, KeyError> {
        refused("a variant with data cannot be a key")
    }
}
