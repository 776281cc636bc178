//! Views: a session as a struct.

use std::any::TypeId;

use serde::{Serialize, de::DeserializeOwned};

use super::Session;
use crate::{Error, model::State, sessions::view};

impl Session {
    /// Reads the session as a struct with named fields, including its own changes.
    ///
    /// | type of the struct's field | value |
    /// |---|---|
    /// | `Option<T>` | the scalar of this name, `None` if it is absent |
    /// | `BTreeMap<K, T>`, `HashMap<K, T>` | the keyed field of this name, empty if it is absent |
    /// | `BTreeSet<K>`, `HashSet<K>`, any other sequence | the members of the keyed field; keeps neither order nor repeats |
    /// | anything else | the scalar; if it is absent, needs `#[serde(default)]` |
    ///
    /// A list whose order matters is a scalar: `Option<Vec<T>>`. `#[serde(flatten)]` is not supported. A field with a
    /// `#[serde(alias)]` is read from the alias if the field itself is absent. `save` writes the field and does not
    /// change the alias. [Remove](Self::remove) the alias, or its value reappears when the field is removed.
    ///
    /// With a sealing codec, every value of the session is opened, whether it is in the struct or not.
    ///
    /// # Errors
    /// [`UnreadableField`](crate::ErrorKind::UnreadableField), with the field's name. Fields that are not in the struct
    /// are not decoded.
    pub fn view<T: DeserializeOwned + 'static>(&mut self) -> Result<T, Error> {
        let state = self.overlay().state();
        let viewed = view::read(&state, self.sessions.codecs(), self.bound_to())?;
        self.set_viewed(TypeId::of::<T>(), state);
        Ok(viewed)
    }

    /// Records the difference between a struct and the session. The session is compared as it was when a struct of this
    /// type was last [viewed](Self::view) or saved, otherwise as it is now. Changed entries are set, missing entries
    /// are removed, and nothing else is sent. Changes that other requests made elsewhere are kept. A field that
    /// `#[serde(skip_serializing_if)]` omits is removed; a field that `#[serde(skip)]` or `#[serde(skip_serializing)]`
    /// omits is ignored.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a struct that does not match the table of `view`, and
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded). In both cases nothing is recorded.
    pub fn save<T: Serialize + 'static>(&mut self, value: &T) -> Result<(), Error> {
        let this_type = TypeId::of::<T>();
        let viewed = self.views.iter().find(|(of, _)| *of == this_type).map(|(_, state)| state.clone());
        let mut viewed = viewed.unwrap_or_else(|| self.overlay().state());
        let delta = view::difference(value, &viewed, self.sessions.codecs(), self.bound_to())?;
        self.sessions.limits().admit_values(&delta)?;
        self.record_delta(&delta)?;
        delta.apply_to(&mut viewed);
        self.set_viewed(this_type, viewed);
        Ok(())
    }

    fn set_viewed(&mut self, of: TypeId, state: State) {
        self.views.retain(|(other, _)| *other != of);
        self.views.push((of, state));
    }
}
