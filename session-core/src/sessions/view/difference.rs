//! Writing: a serde serializer that compares a struct with a state and records the differences.

use std::collections::BTreeSet;

use serde::{
    Serialize, Serializer,
    ser::{Impossible, SerializeMap, SerializeSeq, SerializeStruct},
};

use super::ViewError;
use crate::{
    Error, ErrorKind,
    codec::{Codecs, Location},
    model::{Delta, Entry, Field, Incarnation, Key, State, Value},
};

#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) state: &'a State,
    pub(super) codecs: &'a Codecs,
    pub(super) incarnation: Incarnation,
}

impl Context<'_> {
    /// Records the value of an entry unless the state has it already.
    fn set<T: Serialize + ?Sized>(self, delta: &mut Delta, entry: Entry<'_>, value: &T) -> Result<(), ViewError> {
        let at = Location { incarnation: self.incarnation, entry };
        let unchanged = entry.value_in(self.state).is_some_and(|old| self.codecs.matches(old, &value, &at));
        if !unchanged {
            delta.set_entry(entry, self.codecs.encode(value, &at)?);
        }
        Ok(())
    }

    /// Records the removal of a scalar unless it is absent already.
    fn remove(self, delta: &mut Delta, field: &Field) {
        if self.state.get(field.as_str()).is_some() {
            delta.remove_entry(Entry::Scalar(field));
        }
    }

    /// Records the removal of all entries of a keyed field except these.
    fn retain_keys(self, delta: &mut Delta, field: &Field, kept: &BTreeSet<Key>) {
        if kept.is_empty() && self.state.keyed_len(field.as_str()) > 0 {
            delta.clear(field.clone());
            return;
        }
        for (key, _) in self.state.keyed(field.as_str()).filter(|(key, _)| !kept.contains(*key)) {
            delta.remove_entry(Entry::Keyed(field, key));
        }
    }
}

/// Serializer methods that all fail with the same error.
macro_rules! refuse {
    ($error:expr; $($group:ident)*) => { $(refuse!(@ $group $error);)* };
    (@ primitives $error:expr) => {
        refuse!(@@ $error; serialize_bool bool, serialize_char char, serialize_str &str, serialize_bytes &[u8],
            serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
            serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128,
            serialize_f32 f32, serialize_f64 f64, serialize_unit_struct &'static str);

        fn serialize_unit(self) -> Result<(), ViewError> {
            Err($error)
        }

        fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), ViewError> {
            Err($error)
        }
    };
    (@@ $error:expr; $($method:ident $type:ty),*) => {
        $(fn $method(self, _: $type) -> Result<(), ViewError> {
            Err($error)
        })*
    };
    (@ compounds $error:expr) => {
        type SerializeTuple = Impossible<(), ViewError>;
        type SerializeTupleStruct = Impossible<(), ViewError>;
        type SerializeTupleVariant = Impossible<(), ViewError>;
        type SerializeStructVariant = Impossible<(), ViewError>;

        fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, ViewError> {
            Err($error)
        }

        fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, ViewError> {
            Err($error)
        }

        fn serialize_tuple_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeTupleVariant, ViewError> {
            Err($error)
        }

        fn serialize_struct_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Self::SerializeStructVariant, ViewError> {
            Err($error)
        }

        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<(), ViewError> {
            Err($error)
        }
    };
}

/// Writes the whole struct.
pub(super) struct StructWriter<'a> {
    pub(super) context: Context<'a>,
    pub(super) delta: &'a mut Delta,
}

const NOT_A_STRUCT: ViewError = ViewError::Shape("a view is a struct with named fields, without #[serde(flatten)]");

impl<'a> Serializer for StructWriter<'a> {
    type Ok = ();
    type Error = ViewError;
    type SerializeSeq = Impossible<(), ViewError>;
    type SerializeMap = Impossible<(), ViewError>;
    type SerializeStruct = Self;

    refuse! { NOT_A_STRUCT; primitives compounds }

    fn serialize_none(self) -> Result<(), ViewError> {
        Err(NOT_A_STRUCT)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), ViewError> {
        Err(NOT_A_STRUCT)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), ViewError> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, ViewError> {
        Err(NOT_A_STRUCT)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, ViewError> {
        Err(NOT_A_STRUCT)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, ViewError> {
        Ok(self)
    }
}

impl SerializeStruct for StructWriter<'_> {
    type Ok = ();
    type Error = ViewError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), ViewError> {
        let field = Field::new(name)?;
        let part = FieldWriter { context: self.context, delta: self.delta, field: &field };
        match value.serialize(part) {
            Err(ViewError::IsScalar) => self.context.set(self.delta, Entry::Scalar(&field), value),
            result => result,
        }
    }

    /// The field is omitted by `skip_serializing_if`. It is treated as absent, whether it is a scalar or keyed.
    fn skip_field(&mut self, name: &'static str) -> Result<(), ViewError> {
        let field = Field::new(name)?;
        self.context.remove(self.delta, &field);
        self.context.retain_keys(self.delta, &field, &BTreeSet::new());
        Ok(())
    }

    fn end(self) -> Result<(), ViewError> {
        Ok(())
    }
}

/// Writes one field of the struct: an option, a map or a set. Any other value is a scalar as a whole.
struct FieldWriter<'a> {
    context: Context<'a>,
    delta: &'a mut Delta,
    field: &'a Field,
}

impl<'a> Serializer for FieldWriter<'a> {
    type Ok = ();
    type Error = ViewError;
    type SerializeSeq = KeyedWriter<'a>;
    type SerializeMap = KeyedWriter<'a>;
    type SerializeStruct = Impossible<(), ViewError>;

    refuse! { ViewError::IsScalar; primitives compounds }

    fn serialize_none(self) -> Result<(), ViewError> {
        self.context.remove(self.delta, self.field);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), ViewError> {
        self.context.set(self.delta, Entry::Scalar(self.field), value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), ViewError> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<KeyedWriter<'a>, ViewError> {
        Ok(self.keyed())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<KeyedWriter<'a>, ViewError> {
        Ok(self.keyed())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, ViewError> {
        Err(ViewError::IsScalar)
    }
}

impl<'a> FieldWriter<'a> {
    fn keyed(self) -> KeyedWriter<'a> {
        KeyedWriter { part: self, kept: BTreeSet::new(), key: None }
    }
}

/// Writes the entries of a map, or the members of a set.
struct KeyedWriter<'a> {
    part: FieldWriter<'a>,
    kept: BTreeSet<Key>,
    key: Option<Key>,
}

impl KeyedWriter<'_> {
    fn add_key(&mut self, key: Key) -> Result<(), ViewError> {
        if !self.kept.insert(key) {
            let error = Error::new(ErrorKind::InvalidInput, "two keys or members have the same text");
            return Err(error.with_field(self.part.field.clone()).into());
        }
        Ok(())
    }

    fn finish(self) {
        self.part.context.retain_keys(self.part.delta, self.part.field, &self.kept);
    }

    fn key<T: Serialize + ?Sized>(&self, key: &T) -> Result<Key, ViewError> {
        Ok(Key::encode(key).map_err(|error| error.with_field(self.part.field.clone()))?)
    }
}

impl SerializeMap for KeyedWriter<'_> {
    type Ok = ();
    type Error = ViewError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ViewError> {
        self.key = Some(self.key(key)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ViewError> {
        let key = self.key.take().ok_or(ViewError::Serde)?;
        self.part.context.set(self.part.delta, Entry::Keyed(self.part.field, &key), value)?;
        self.add_key(key)
    }

    fn end(self) -> Result<(), ViewError> {
        self.finish();
        Ok(())
    }
}

impl SerializeSeq for KeyedWriter<'_> {
    type Ok = ();
    type Error = ViewError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, member: &T) -> Result<(), ViewError> {
        let key = self.key(member)?;
        let entry = Entry::Keyed(self.part.field, &key);
        if entry.value_in(self.part.context.state).is_none() {
            self.part.delta.set_entry(entry, Value::MEMBER);
        }
        self.add_key(key)
    }

    fn end(self) -> Result<(), ViewError> {
        self.finish();
        Ok(())
    }
}
