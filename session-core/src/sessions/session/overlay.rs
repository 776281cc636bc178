//! A handle's view of the session: the stored state with the handle's own changes on top.

use std::sync::Arc;

use crate::model::{Delta, Edit, Entry, State, Value, state::Keyed};

#[derive(Clone, Copy)]
pub(super) struct Overlay<'a> {
    pub(super) base: &'a State,
    /// Changes that are stored but are not in the base.
    pub(super) committed: Option<&'a Delta>,
    /// Changes that were sent and are not known to be stored.
    pub(super) sent: Option<&'a Delta>,
    /// Changes that were recorded later.
    pub(super) pending: &'a Delta,
}

impl<'a> Overlay<'a> {
    /// The layers, oldest first.
    fn layers(self) -> impl DoubleEndedIterator<Item = &'a Delta> {
        self.committed.into_iter().chain(self.sent).chain([self.pending])
    }

    /// The edit of an entry by changes that are not known to be stored.
    pub(super) fn uncommitted(self, entry: Entry<'_>) -> Option<&'a Edit> {
        self.pending.find_edit(entry).or_else(|| self.sent?.find_edit(entry))
    }

    pub(super) fn get(self, entry: Entry<'_>) -> Option<&'a Value> {
        match self.layers().rev().find_map(|delta| delta.find_edit(entry)) {
            Some(edit) => edit.value(),
            None => entry.value_in(self.base),
        }
    }

    /// The entries of one keyed field. They are shared with the stored state if nothing was changed.
    pub(super) fn keyed(self, field: &str) -> Arc<Keyed> {
        let mut keyed = self.base.maps.get(field).cloned().unwrap_or_default();
        for edits in self.layers().filter_map(|delta| delta.maps.get(field)) {
            if edits.clear {
                keyed = Arc::default();
            }
            edits.apply_to(Arc::make_mut(&mut keyed));
        }
        keyed
    }

    /// The number of entries of one keyed field. The cost depends on the changes, not on the field's size.
    pub(super) fn keyed_len(self, field: &str) -> usize {
        let changes = self.layers().filter_map(|delta| delta.maps.get(field));
        let Some(all) = changes.cloned().reduce(|mut all, later| {
            all.append(&later);
            all
        }) else {
            return self.base.keyed_len(field);
        };
        let kept = if all.clear { None } else { self.base.maps.get(field) };
        all.entries.iter().fold(kept.map_or(0, |kept| kept.entries.len()), |len, (key, edit)| {
            let was = kept.is_some_and(|kept| kept.entries.get(key).is_some());
            len + usize::from(edit.value().is_some()) - usize::from(was)
        })
    }

    pub(super) fn state(self) -> State {
        let mut state = self.base.clone();
        self.layers().for_each(|delta| delta.apply_to(&mut state));
        state
    }
}
