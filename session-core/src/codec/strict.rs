//! Refuses values that JSON would change without an error, or could not read back.

use std::fmt::Display;

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// `serde_json` reads no deeper nesting of arrays and objects.
const MAX_DEPTH: u8 = 127;

/// A value that is serialized as it is, or refused.
///
/// JSON writes `null` for `None` and `()`, and `serde_json` also for a float that is not finite. Of these, `Some(None)`,
/// `Some(())` and a float in an `Option` would be read as `None`, and a float alone could not be read.
pub(super) struct Strict<'a, T: ?Sized> {
    value: &'a T,
    place: Place,
}

/// The place of a value within another one.
#[derive(Clone, Copy)]
struct Place {
    /// Whether the value is the content of a `Some`.
    in_some: bool,
    /// The number of arrays and objects around the value.
    depth: u8,
}

impl Place {
    /// The place of the content of `levels` more arrays and objects.
    fn within<E: serde::ser::Error>(self, levels: u8) -> Result<Self, E> {
        match self.depth + levels {
            depth @ ..=MAX_DEPTH => Ok(Self { in_some: false, depth }),
            _ => Err(E::custom("the value is nested too deeply to be read back")),
        }
    }
}

impl<'a, T: ?Sized> Strict<'a, T> {
    pub(super) fn new(value: &'a T) -> Self {
        Self { value, place: Place { in_some: false, depth: 0 } }
    }
}

impl<T: Serialize + ?Sized> Serialize for Strict<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(StrictSerializer { serializer, place: self.place })
    }
}

struct StrictSerializer<S> {
    serializer: S,
    place: Place,
}

impl<S: Serializer> StrictSerializer<S> {
    /// The serializer for something that is written as `null`.
    fn null(self) -> Result<S, S::Error> {
        if self.place.in_some {
            return Err(S::Error::custom("`Some` of an empty value would be read as `None`"));
        }
        Ok(self.serializer)
    }
}

fn not_finite<E: serde::ser::Error>() -> E {
    E::custom("JSON has no number for a float that is not finite")
}

macro_rules! forward {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.serializer.$method(value)
        }
    )*};
}

impl<S: Serializer> Serializer for StrictSerializer<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = StrictCompound<S::SerializeSeq>;
    type SerializeTuple = StrictCompound<S::SerializeTuple>;
    type SerializeTupleStruct = StrictCompound<S::SerializeTupleStruct>;
    type SerializeTupleVariant = StrictCompound<S::SerializeTupleVariant>;
    type SerializeMap = StrictCompound<S::SerializeMap>;
    type SerializeStruct = StrictCompound<S::SerializeStruct>;
    type SerializeStructVariant = StrictCompound<S::SerializeStructVariant>;

    forward! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
    }

    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.serializer.serialize_f32(value) } else { Err(not_finite()) }
    }

    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        if value.is_finite() { self.serializer.serialize_f64(value) } else { Err(not_finite()) }
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.null()?.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_some(&Strict { value, place: Place { in_some: true, ..self.place } })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.null()?.serialize_unit()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.null()?.serialize_unit_struct(name)
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_unit_variant(name, index, variant)
    }

    // JSON writes a newtype as its content.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_newtype_struct(name, &Strict { value, place: self.place })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let place = self.place.within(1)?;
        self.serializer.serialize_newtype_variant(name, index, variant, &Strict { value, place })
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let place = self.place.within(1)?;
        Ok(StrictCompound { compound: self.serializer.serialize_seq(len)?, place })
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        let place = self.place.within(1)?;
        Ok(StrictCompound { compound: self.serializer.serialize_tuple(len)?, place })
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        let place = self.place.within(1)?;
        Ok(StrictCompound { compound: self.serializer.serialize_tuple_struct(name, len)?, place })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let place = self.place.within(2)?;
        Ok(StrictCompound { compound: self.serializer.serialize_tuple_variant(name, index, variant, len)?, place })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let place = self.place.within(1)?;
        Ok(StrictCompound { compound: self.serializer.serialize_map(len)?, place })
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        let place = self.place.within(1)?;
        Ok(StrictCompound { compound: self.serializer.serialize_struct(name, len)?, place })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let place = self.place.within(2)?;
        Ok(StrictCompound { compound: self.serializer.serialize_struct_variant(name, index, variant, len)?, place })
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.serializer.is_human_readable()
    }
}

/// The elements of a sequence, map, struct or variant.
struct StrictCompound<C> {
    compound: C,
    place: Place,
}

macro_rules! elements {
    ($($trait:ident: $method:ident),* $(,)?) => {$(
        impl<C: $trait> $trait for StrictCompound<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                self.compound.$method(&Strict { value, place: self.place })
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
        impl<C: $trait> $trait for StrictCompound<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), C::Error> {
                self.compound.serialize_field(key, &Strict { value, place: self.place })
            }

            fn skip_field(&mut self, key: &'static str) -> Result<(), C::Error> {
                self.compound.skip_field(key)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.compound.end()
            }
        }
    )*};
}

fields! { SerializeStruct, SerializeStructVariant }

impl<C: SerializeMap> SerializeMap for StrictCompound<C> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.compound.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        self.compound.serialize_value(&Strict { value, place: self.place })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.compound.end()
    }
}
