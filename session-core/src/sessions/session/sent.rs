//! A request that was sent and whose outcome is not yet known.

use super::Rotate;
use crate::{
    model::{Delta, Entry, Field, Key, Stamp, Timestamp, Value},
    store::{NewSession, Rotation, Update},
};

pub(super) struct Sent {
    pub(super) request: Request,
    /// Whether an attempt may have happened, because it was cancelled or its outcome is unknown.
    pub(super) uncertain: bool,
    /// When it was first sent.
    pub(super) since: Option<Timestamp>,
}

pub(super) enum Request {
    Create {
        new: NewSession,
        /// The rotation that the caller requested, if the session was not stored yet.
        requested: Option<Rotate>,
    },
    Apply {
        update: Update,
        /// The latest stamp that the handle knew before the first attempt.
        base: Stamp,
        /// Set for a take or an update of one entry. Its change is not recorded again if it fails.
        cas: Option<EntryCas>,
    },
    Rotate {
        rotation: Rotation,
        requested: Rotate,
        /// As for an update.
        base: Stamp,
    },
}

/// A compare-and-set of one entry: a take or an update.
#[derive(Clone)]
pub(super) struct EntryCas {
    pub(super) kind: CasKind,
    pub(super) name: EntryName,
    /// The value that was taken, or the value that the entry was set to.
    pub(super) value: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CasKind {
    Take,
    Update,
}

/// The owned name of one entry.
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

impl Request {
    pub(super) fn signs_in(&self) -> bool {
        match self {
            Self::Create { new, .. } => new.sign_in.is_some(),
            Self::Rotate { rotation, .. } => rotation.sign_in.is_some(),
            Self::Apply { .. } => false,
        }
    }
}

impl Sent {
    pub(super) fn new(request: Request) -> Self {
        Self { request, uncertain: false, since: None }
    }

    pub(super) fn delta(&self) -> &Delta {
        match &self.request {
            Request::Create { new, .. } => &new.entries,
            Request::Apply { update, .. } => &update.delta,
            Request::Rotate { rotation, .. } => &rotation.delta,
        }
    }

    /// Whether the request must be settled, because it decides the session's id or existence. It may have happened, so
    /// it cannot be given up.
    pub(super) fn must_be_settled(&self) -> bool {
        matches!(self.request, Request::Create { .. } | Request::Rotate { .. })
    }
}
