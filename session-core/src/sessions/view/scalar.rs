//! One encoded value as a serde deserializer, which forwards every call to the value's codec.

use serde::{Deserializer, de::Visitor};

use super::ViewError;
use crate::{codec::Codecs, model::Value};

pub(super) struct Scalar<'de> {
    pub(super) value: &'de Value,
    pub(super) codecs: &'de Codecs,
}

impl<'de> Scalar<'de> {
    fn read<T>(
        self,
        read: impl FnOnce(&mut dyn erased_serde::Deserializer<'de>) -> Result<T, erased_serde::Error>,
    ) -> Result<T, ViewError> {
        let mut read = Some(read);
        let mut out = None;
        self.codecs
            .decode_opened(self.value, &mut |deserializer| {
                if let Some(read) = read.take() {
                    out = Some(read(deserializer)?);
                }
                Ok(())
            })
            .map_err(|_| ViewError::Serde)?;
        out.ok_or(ViewError::Serde)
    }
}

macro_rules! forward {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, ViewError> {
            self.read(|deserializer| Deserializer::$method(deserializer, $($argument,)* visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for Scalar<'de> {
    type Error = ViewError;

    forward! {
        deserialize_any(); deserialize_bool(); deserialize_char(); deserialize_str(); deserialize_string();
        deserialize_bytes(); deserialize_byte_buf(); deserialize_unit(); deserialize_identifier();
        deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
        deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
        deserialize_f32(); deserialize_f64();
        deserialize_option(); deserialize_seq(); deserialize_map(); deserialize_ignored_any();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }
}
