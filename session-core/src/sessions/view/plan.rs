//! The fields that are passed to a struct, their order, and their stored names.

use std::cell::Cell;

use super::ViewError;
use crate::model::State;

/// Facts about a struct from failed attempts to read it. Serde tells the names of a struct's fields, but neither their
/// types nor which names are aliases. Each failure settles one name for good, so there are at most two attempts per
/// name.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Absent fields that are left to serde's default.
    skipped: Vec<&'static str>,
    /// Fields that have an alias. They are passed first, so that the alias comes second and is detected as a duplicate.
    aliased: Vec<&'static str>,
    /// Aliases, each with its field.
    aliases: Vec<(&'static str, &'static str)>,
    /// The name that was passed last.
    last: Cell<Option<&'static str>>,
}

impl Plan {
    /// Learns from a failure, or returns the error if there is nothing to learn from it.
    pub(super) fn learn(&mut self, error: ViewError) -> Result<(), ViewError> {
        match (error, self.last.take()) {
            // The field is not an option, a map or a set. Leave it to serde's default, if it has one.
            (ViewError::Absent(name), _) if !self.skipped.contains(&name) => self.skipped.push(name),
            (ViewError::Duplicate(field), Some(last)) if last != field => self.aliases.push((last, field)),
            (ViewError::Duplicate(field), Some(_)) if !self.aliased.contains(&field) => self.aliased.push(field),
            (error, _) => return Err(error),
        }
        Ok(())
    }

    /// The names to pass, in order. Names that may fail, because they are absent or aliases, come before fields that
    /// take long to read.
    pub(super) fn names(&self, all: &'static [&'static str], state: &State) -> std::vec::IntoIter<&'static str> {
        let given = |name: &&str| !self.skipped.contains(name) && !self.aliases.iter().any(|(alias, _)| alias == name);
        let mut names: Vec<_> = all.iter().copied().filter(given).collect();
        names.sort_by_key(|name| {
            let source = self.source(name, state);
            let keyed = state.keyed_len(source) > 0;
            let absent = !keyed && state.get(source).is_none();
            (!self.aliased.contains(name), !absent, keyed)
        });
        names.into_iter()
    }

    /// Remembers that this name is passed now.
    pub(super) fn set_last(&self, name: &'static str) {
        self.last.set(Some(name));
    }

    /// The stored name of a field: its own name or, if that is absent, its first alias that is present.
    pub(super) fn source(&self, field: &'static str, state: &State) -> &'static str {
        let present = |name: &&str| state.get(name).is_some() || state.keyed_len(name) > 0;
        let aliases = self.aliases.iter().filter(|(_, of)| *of == field).map(|(alias, _)| *alias);
        std::iter::once(field).chain(aliases).find(present).unwrap_or(field)
    }
}
