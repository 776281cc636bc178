//! Refuses values that a format would change without an error, or could not read back.

use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// What a format cannot represent at some place within a value. The defaults permit everything.
pub(super) trait Rules: Copy {
    /// Checks something that is written as nothing: `None`, `()` or a unit struct.
    fn admit_empty<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    /// Checks a float.
    fn admit_float<E: Error>(self, is_finite: bool) -> Result<(), E> {
        let _ = is_finite;
        Ok(())
    }

    /// Checks a field of a struct that is not written.
    fn admit_skipped<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    /// Checks a variant without content, of the enum of this name.
    fn admit_unit_variant<E: Error>(self, name: &'static str) -> Result<(), E> {
        let _ = name;
        Ok(())
    }

    /// The rules for the content of a `Some`.
    #[must_use]
    fn in_some(self) -> Self {
        self
    }

    /// The rules for the content of `levels` more arrays and objects.
    fn within<E: Error>(self, levels: u8) -> Result<Self, E> {
        let _ = levels;
        Ok(self)
    }

    /// The rules for the fields of a struct after its first one.
    #[must_use]
    fn after_first_field(self) -> Self {
        self
    }

    /// The rules for the first field of a struct of this name.
    fn in_struct<E: Error>(self, name: &'static str) -> Result<Self, E> {
        let _ = name;
        self.within(1)
    }
}

/// The rules of a format that does not name what it writes, so that a reader goes by the order alone.
#[cfg(any(feature = "bincode", feature = "postcard"))]
#[derive(Clone, Copy, Default)]
pub(super) struct InOrder {
    /// The name of the struct, if the value is its first field.
    field_of: Option<&'static str>,
}

#[cfg(any(feature = "bincode", feature = "postcard"))]
impl Rules for InOrder {
    fn admit_skipped<E: Error>(self) -> Result<(), E> {
        Err(E::custom("the fields after one that is skipped would be read in its place"))
    }

    /// `serde` writes an enum with `tag` and `content` as a struct of the same name, with the variant as its first field.
    fn admit_unit_variant<E: Error>(self, name: &'static str) -> Result<(), E> {
        match self.field_of == Some(name) {
            true => Err(E::custom(
                "an enum with `tag` and `content` is read by the names of its fields, as is a struct that looks like one",
            )),
            false => Ok(()),
        }
    }

    fn in_some(self) -> Self {
        Self::default()
    }

    fn within<E: Error>(self, _: u8) -> Result<Self, E> {
        Ok(Self::default())
    }

    fn after_first_field(self) -> Self {
        Self::default()
    }

    fn in_struct<E: Error>(self, name: &'static str) -> Result<Self, E> {
        Ok(Self { field_of: Some(name) })
    }
}

/// A value that is serialized as it is, or refused.
pub(super) struct Strict<'a, T: ?Sized, R> {
    value: &'a T,
    rules: R,
}

impl<'a, T: ?Sized, R> Strict<'a, T, R> {
    pub(super) fn new(value: &'a T, rules: R) -> Self {
        Self { value, rules }
    }
}

impl<T: Serialize + ?Sized, R: Rules> Serialize for Strict<'_, T, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(StrictSerializer { serializer, rules: self.rules })
    }
}

struct StrictSerializer<S, R> {
    serializer: S,
    rules: R,
}

macro_rules! forward {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.serializer.$method(value)
        }
    )*};
}

impl<S: Serializer, R: Rules> Serializer for StrictSerializer<S, R> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = StrictCompound<S::SerializeSeq, R>;
    type SerializeTuple = StrictCompound<S::SerializeTuple, R>;
    type SerializeTupleStruct = StrictCompound<S::SerializeTupleStruct, R>;
    type SerializeTupleVariant = StrictCompound<S::SerializeTupleVariant, R>;
    type SerializeMap = StrictCompound<S::SerializeMap, R>;
    type SerializeStruct = StrictCompound<S::SerializeStruct, R>;
    type SerializeStructVariant = StrictCompound<S::SerializeStructVariant, R>;

    forward! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        self.rules.admit_float(value.is_finite())?;
        self.serializer.serialize_f32(value)
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        self.rules.admit_float(value.is_finite())?;
        self.serializer.serialize_f64(value)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.rules.admit_empty()?;
        self.serializer.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_some(&Strict { value, rules: self.rules.in_some() })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.rules.admit_empty()?;
        self.serializer.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.rules.admit_empty()?;
        self.serializer.serialize_unit_struct(name)
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.rules.admit_unit_variant(name)?;
        self.serializer.serialize_unit_variant(name, index, variant)
    }

    // Formats write a newtype as its content.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_newtype_struct(name, &Strict { value, rules: self.rules })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let rules = self.rules.within(1)?;
        self.serializer.serialize_newtype_variant(name, index, variant, &Strict { value, rules })
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let rules = self.rules.within(1)?;
        Ok(StrictCompound { compound: self.serializer.serialize_seq(len)?, rules })
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        let rules = self.rules.within(1)?;
        Ok(StrictCompound { compound: self.serializer.serialize_tuple(len)?, rules })
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        let rules = self.rules.within(1)?;
        Ok(StrictCompound { compound: self.serializer.serialize_tuple_struct(name, len)?, rules })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let rules = self.rules.within(2)?;
        Ok(StrictCompound { compound: self.serializer.serialize_tuple_variant(name, index, variant, len)?, rules })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let rules = self.rules.within(1)?;
        Ok(StrictCompound { compound: self.serializer.serialize_map(len)?, rules })
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        let rules = self.rules.in_struct(name)?;
        Ok(StrictCompound { compound: self.serializer.serialize_struct(name, len)?, rules })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let rules = self.rules.within(2)?;
        Ok(StrictCompound { compound: self.serializer.serialize_struct_variant(name, index, variant, len)?, rules })
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.serializer.is_human_readable()
    }
}

/// The elements of a sequence, map, struct or variant.
struct StrictCompound<C, R> {
    compound: C,
    rules: R,
}

macro_rules! elements {
    ($($trait:ident: $method:ident),* $(,)?) => {$(
        impl<C: $trait, R: Rules> $trait for StrictCompound<C, R> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                self.compound.$method(&Strict { value, rules: self.rules })
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.compound.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl<C: $trait, R: Rules> $trait for StrictCompound<C, R> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), C::Error> {
                self.compound.serialize_field(key, &Strict { value, rules: self.rules })?;
                self.rules = self.rules.after_first_field();
                Ok(())
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
                self.rules.admit_skipped()?;
                self.compound.skip_field(key)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.compound.end()
            }
        }
    )*};
}

fields! { SerializeStruct, SerializeStructVariant }

impl<C: SerializeMap, R: Rules> SerializeMap for StrictCompound<C, R> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.compound.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.compound.serialize_value(&Strict { value, rules: self.rules })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.compound.end()
    }
}
