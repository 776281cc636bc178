//! A request that was sent and whose outcome is not known yet.

use super::Rotate;
use crate::{
    model::{Delta, Entry, Field, Key, Stamp, Value},
    store::{NewSession, Rotation, Update},
};

pub(super) struct Sent {
    pub(super) request: Request,
    /// Whether an attempt may have happened: one was cancelled, or its outcome is unknown.
    pub(super) uncertain: bool,
}

pub(super) enum Request {
    Create {
        new: NewSession,
        /// The rotation that was asked for, if it is one of a session that is not stored yet.
        asked: Option<Rotate>,
    },
    Apply {
        update: Update,
        /// The latest stamp that the handle had seen before the first attempt.
        base: Stamp,
        /// For a take or an update of one entry. It is not recorded again if it fails.
        once: Option<Once>,
    },
    Rotate {
        rotation: Rotation,
        asked: Rotate,
    },
}

/// A take or an update of one entry.
#[derive(Clone)]
pub(super) struct Once {
    pub(super) what: What,
    pub(super) name: EntryName,
    /// The value that was taken, or that the entry was set to.
    pub(super) value: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Take,
    Update,
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
        Self { request, uncertain: false }
    }

    pub(super) fn delta(&self) -> &Delta {
        match &self.request {
            Request::Create { new, .. } => &new.entries,
            Request::Apply { update, .. } => &update.delta,
            Request::Rotate { rotation, .. } => &rotation.delta,
        }
    }

    /// Whether it decides which session the handle is on: such a request cannot be given up, for it may have happened.
    pub(super) fn moves_the_session(&self) -> bool {
        matches!(self.request, Request::Create { .. } | Request::Rotate { .. })
    }
}
