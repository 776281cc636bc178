//! The outermost shape of a value, which formats that do not describe themselves carry beside it.
//!
//! Such a format reads the bytes of an `i32` as a `u32`, or those of a `bool` as an `u8`, without an error. The shape is the
//! method of [`Serializer`] that the value calls, and must be the method of [`Deserializer`] that the reader calls. Shapes
//! within the value are not checked.

use std::fmt;

use serde::{
    Serialize, Serializer,
    de::{DeserializeSeed, Deserializer, Error as _, Visitor},
    ser::{self, Impossible},
};

/// The shapes. Their numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Shape {
    Bool = 1,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    Str,
    Bytes,
    Option,
    Unit,
    UnitStruct,
    Seq,
    Tuple,
    Map,
    Struct,
    Enum,
}

/// The number of a value's shape. Those of smart pointers and newtypes are the shapes of their contents.
pub(super) fn of<T: Serialize + ?Sized>(value: &T) -> Result<u8, super::CodecError> {
    match value.serialize(Finder) {
        Ok(shape) | Err(Found::Shape(shape)) => Ok(shape as u8),
        Err(Found::Failed(message)) => Err(message.into()),
    }
}

/// A serializer that stops at the outermost shape.
struct Finder;

/// How the finder stops.
#[derive(Debug)]
enum Found {
    /// At something with content, which is not visited.
    Shape(Shape),
    /// The value cannot be serialized.
    Failed(String),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(shape) => write!(f, "{shape:?}"),
            Self::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Found {}

impl ser::Error for Found {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Failed(message.to_string())
    }
}

macro_rules! scalars {
    ($($method:ident($type:ty): $shape:ident),* $(,)?) => {$(
        fn $method(self, _: $type) -> Result<Shape, Found> {
            Ok(Shape::$shape)
        }
    )*};
}

impl Serializer for Finder {
    type Ok = Shape;
    type Error = Found;
    type SerializeSeq = Impossible<Shape, Found>;
    type SerializeTuple = Impossible<Shape, Found>;
    type SerializeTupleStruct = Impossible<Shape, Found>;
    type SerializeTupleVariant = Impossible<Shape, Found>;
    type SerializeMap = Impossible<Shape, Found>;
    type SerializeStruct = Impossible<Shape, Found>;
    type SerializeStructVariant = Impossible<Shape, Found>;

    scalars! {
        serialize_bool(bool): Bool,
        serialize_i8(i8): I8,
        serialize_i16(i16): I16,
        serialize_i32(i32): I32,
        serialize_i64(i64): I64,
        serialize_i128(i128): I128,
        serialize_u8(u8): U8,
        serialize_u16(u16): U16,
        serialize_u32(u32): U32,
        serialize_u64(u64): U64,
        serialize_u128(u128): U128,
        serialize_f32(f32): F32,
        serialize_f64(f64): F64,
        serialize_char(char): Char,
        serialize_str(&str): Str,
        serialize_bytes(&[u8]): Bytes,
        serialize_unit_struct(&'static str): UnitStruct,
    }

    fn serialize_none(self) -> Result<Shape, Found> {
        Ok(Shape::Option)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Shape, Found> {
        Ok(Shape::Option)
    }

    fn serialize_unit(self) -> Result<Shape, Found> {
        Ok(Shape::Unit)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<Shape, Found> {
        Ok(Shape::Enum)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Shape, Found> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Found> {
        Ok(Shape::Enum)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Found> {
        Err(Found::Shape(Shape::Seq))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Found> {
        Err(Found::Shape(Shape::Tuple))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Found> {
        Err(Found::Shape(Shape::Tuple))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Found> {
        Err(Found::Shape(Shape::Enum))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Found> {
        Err(Found::Shape(Shape::Map))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Found> {
        Err(Found::Shape(Shape::Struct))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Found> {
        Err(Found::Shape(Shape::Enum))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<Shape, Found> {
        Ok(Shape::Str)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Reads a value only as the shape that was written.
pub(super) struct Shaped<T> {
    /// A seed or a deserializer.
    pub(super) inner: T,
    /// The stored number of the shape.
    pub(super) shape: u8,
}

impl<T> Shaped<T> {
    fn expect<E: serde::de::Error>(self, shape: Shape) -> Result<T, E> {
        if self.shape == shape as u8 { Ok(self.inner) } else { Err(E::custom("a value of another type")) }
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Shaped<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Shaped { inner: deserializer, shape: self.shape })
    }
}

macro_rules! expect {
    ($($method:ident($($argument:ident: $type:ty),*): $shape:ident),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.expect::<D::Error>(Shape::$shape)?.$method($($argument,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Shaped<D> {
    type Error = D::Error;

    expect! {
        deserialize_bool(): Bool,
        deserialize_i8(): I8,
        deserialize_i16(): I16,
        deserialize_i32(): I32,
        deserialize_i64(): I64,
        deserialize_i128(): I128,
        deserialize_u8(): U8,
        deserialize_u16(): U16,
        deserialize_u32(): U32,
        deserialize_u64(): U64,
        deserialize_u128(): U128,
        deserialize_f32(): F32,
        deserialize_f64(): F64,
        deserialize_char(): Char,
        deserialize_str(): Str,
        deserialize_string(): Str,
        deserialize_bytes(): Bytes,
        deserialize_byte_buf(): Bytes,
        deserialize_option(): Option,
        deserialize_unit(): Unit,
        deserialize_unit_struct(name: &'static str): UnitStruct,
        deserialize_seq(): Seq,
        deserialize_tuple(len: usize): Tuple,
        deserialize_tuple_struct(name: &'static str, len: usize): Tuple,
        deserialize_map(): Map,
        deserialize_struct(name: &'static str, fields: &'static [&'static str]): Struct,
        deserialize_enum(name: &'static str, variants: &'static [&'static str]): Enum,
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("the type asks what was written, which this format does not say"))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
