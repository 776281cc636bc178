use serde::de::{DeserializeSeed, Deserializer, Error as _};

use super::Read;

/// A [`Read`] as a seed, for the formats of this crate, whose deserializers have types of their own.
pub(super) struct ReadSeed<'r, 'de>(pub(super) Read<'r, 'de>);

impl<'de> DeserializeSeed<'de> for ReadSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut erased = <dyn erased_serde::Deserializer<'de>>::erase(deserializer);
        (self.0)(&mut erased).map_err(D::Error::custom)
    }
}
