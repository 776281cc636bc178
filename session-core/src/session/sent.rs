//! A request that was sent and whose outcome is not known yet.

use crate::{Delta, Entry, Field, Key, NewSession, Rotation, Stamp, Update, Value};

pub(super) struct Sent {
    pub(super) request: Request,
    /// Whether an attempt may have happened: one was cancelled, or its outcome is unknown.
    pub(super) uncertain: bool,
    /// For a take or an update of one entry, which is not recorded again if it fails: the entry and what to answer.
    pub(super) once: Option<Once>,
}

pub(super) enum Request {
    Create(NewSession),
    Apply {
        update: Update,
        /// The stamp that the handle knew before the first attempt.
        base: Stamp,
    },
    Rotate(Rotation),
}

/// A take or an update of one entry.
#[derive(Clone)]
pub(super) struct Once {
    pub(super) name: EntryName,
    /// The value that was taken, or that the entry was set to.
    pub(super) value: Value,
}

/// The name of one entry, owned.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct EntryName {
    pub(super) field: Field,
    pub(super) key: Option<Key>,
}

impl EntryName {
    pub(super) fn entry(&self) -> Entry<'_> {
        match &self.key {
            None => Entry::Scalar(&self.field),
            Some(key) => Entry::Keyed(&self.field, key),
        }
    }
}

impl Sent {
    pub(super) fn new(request: Request) -> Self {
        Self { request, uncertain: false, once: None }
    }

    pub(super) fn delta(&self) -> &Delta {
        match &self.request {
            Request::Create(new) => &new.entries,
            Request::Apply { update, .. } => &update.delta,
            Request::Rotate(rotation) => &rotation.delta,
        }
    }
}
