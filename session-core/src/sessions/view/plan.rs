//! Which fields a struct is given, in which order, and what is read for each.

use std::cell::Cell;

use super::ViewError;
use crate::model::State;

/// What the failed attempts to read a struct taught about it: serde tells a struct's names but neither their types nor
/// which of them are aliases. Each lesson settles one name for good, so there are at most two for each.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Absent fields that are left to serde's default.
    skipped: Vec<&'static str>,
    /// Fields that have an alias: they go first, so that it is the alias that comes second and gives itself away.
    aliased: Vec<&'static str>,
    /// Aliases, each with its field.
    aliases: Vec<(&'static str, &'static str)>,
    /// The name that was given last.
    last: Cell<Option<&'static str>>,
}

impl Plan {
    /// Takes a failure as a lesson, or gives it back.
    pub(super) fn learn(&mut self, error: ViewError) -> Result<(), ViewError> {
        match (error, self.last.take()) {
            // Neither an option nor a map nor a set: leave it to serde's default, if it has one.
            (ViewError::Absent(name), _) if !self.skipped.contains(&name) => self.skipped.push(name),
            (ViewError::Duplicate(field), Some(last)) if last != field => self.aliases.push((last, field)),
            (ViewError::Duplicate(field), Some(_)) if !self.aliased.contains(&field) => self.aliased.push(field),
            (error, _) => return Err(error),
        }
        Ok(())
    }

    /// The names to give. What may fail for being absent or an alias comes before what takes long to read.
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

    /// Remembers that this name is given now.
    pub(super) fn give(&self, name: &'static str) {
        self.last.set(Some(name));
    }

    /// What is read for a field: itself or, where it is absent, the first of its aliases that is not.
    pub(super) fn source(&self, field: &'static str, state: &State) -> &'static str {
        let present = |name: &&str| state.get(name).is_some() || state.keyed_len(name) > 0;
        let aliases = self.aliases.iter().filter(|(_, of)| *of == field).map(|(alias, _)| *alias);
        std::iter::once(field).chain(aliases).find(present).unwrap_or(field)
    }
}
