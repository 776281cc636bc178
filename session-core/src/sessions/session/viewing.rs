//! A session as a struct.

use std::any::TypeId;

use serde::{Serialize, de::DeserializeOwned};

use super::Session;
use crate::{Error, model::State, sessions::view};

impl Session {
    /// Reads the session as a struct with named fields, its own changes included.
    ///
    /// | type of the struct's field | what it reads |
    /// |---|---|
    /// | `Option<T>` | the scalar of this name, `None` if it is absent |
    /// | `BTreeMap<K, T>`, `HashMap<K, T>` | the keyed field of this name, empty if it is absent |
    /// | `BTreeSet<K>`, `HashSet<K>`, any other sequence | the members of the keyed field; keeps neither order nor repeats |
    /// | anything else | the scalar; if it is absent, needs `#[serde(default)]` |
    ///
    /// A list whose order matters is a scalar: `Option<Vec<T>>`. `#[serde(flatten)]` is not supported. By a
    /// `#[serde(alias)]` a field is read where it is absent itself; `save` writes the field and leaves the alias be, so
    /// [remove](Self::remove) that, or it shows again when the field is gone.
    ///
    /// With a codec that seals, every value of the session is opened, whether the struct has it or not.
    ///
    /// # Errors
    /// [`UnreadableField`](crate::ErrorKind::UnreadableField) naming the field. Fields that the struct does not have are
    /// not looked at.
    pub fn view<T: DeserializeOwned + 'static>(&mut self) -> Result<T, Error> {
        let state = self.overlay().state();
        let viewed = view::read(&state, self.sessions.codecs(), self.incarnation())?;
        self.set_viewed(TypeId::of::<T>(), state);
        Ok(viewed)
    }

    /// Records the difference between a struct and the session as it was when it was last [viewed](Self::view) as, or
    /// saved from, a struct of this type (else, as it is now): what changed is set, what is gone is removed, and nothing
    /// else is sent. What other requests changed elsewhere stays. A field that `#[serde(skip_serializing_if)]` leaves
    /// out is gone; one that `#[serde(skip)]` or `#[serde(skip_serializing)]` leaves out is not looked at.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a struct that does not fit the table of `view`, and
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded); then nothing is recorded.
    pub fn save<T: Serialize + 'static>(&mut self, value: &T) -> Result<(), Error> {
        let this_type = TypeId::of::<T>();
        let viewed = self.views.iter().find(|(of, _)| *of == this_type).map(|(_, state)| state.clone());
        let mut viewed = viewed.unwrap_or_else(|| self.overlay().state());
        let delta = view::difference(value, &viewed, self.sessions.codecs(), self.incarnation())?;
        self.sessions.limits().admit_values(&delta)?;
        self.record_all(&delta);
        delta.apply_to(&mut viewed);
        self.set_viewed(this_type, viewed);
        Ok(())
    }

    fn set_viewed(&mut self, of: TypeId, state: State) {
        self.views.retain(|(other, _)| *other != of);
        self.views.push((of, state));
    }
}
