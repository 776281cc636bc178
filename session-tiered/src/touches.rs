//! Touches in flight: callers that renew one session's deadline at the same time share one request.

use std::collections::HashMap;

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use parking_lot::Mutex;
use session_core::{
    Error,
    model::IdDigest,
    store::{TouchOptions, TouchOutcome},
};

use crate::hash::ByDigest;

/// The result of a touch.
pub(crate) type TouchAnswer = Result<TouchOutcome, Error>;

/// The future of a touch. Any of its callers drives it.
pub(crate) type SharedTouch = Shared<BoxFuture<'static, TouchAnswer>>;

/// The latest touch in flight of each session.
#[derive(Default)]
pub(crate) struct Touches(Mutex<HashMap<IdDigest, PendingTouch, ByDigest>>);

struct PendingTouch {
    options: TouchOptions,
    /// Weak, so that the touch ends when no caller waits for it any more.
    touch: WeakShared<BoxFuture<'static, TouchAnswer>>,
}

/// Retires a touch when it has been answered or dropped.
pub(crate) struct RetireOnDrop<'a> {
    touches: &'a Touches,
    digest: &'a IdDigest,
}

impl Touches {
    /// The touch in flight with these options, or a new one.
    pub(crate) fn join_or_begin(
        &self,
        digest: &IdDigest,
        options: &TouchOptions,
        begin: impl FnOnce() -> BoxFuture<'static, TouchAnswer>,
    ) -> SharedTouch {
        let mut pending = self.0.lock();
        let same = pending.get(digest).filter(|pending| pending.options == *options);
        if let Some(touch) = same.and_then(|same| same.touch.upgrade()) {
            return touch;
        }
        let touch = begin().shared();
        if let Some(weak) = touch.downgrade() {
            pending.insert(*digest, PendingTouch { options: options.clone(), touch: weak });
        }
        touch
    }

    /// From now on no caller joins the touch in flight: it was sent before a change that the caller may have seen.
    pub(crate) fn retire(&self, digest: &IdDigest) {
        self.0.lock().remove(digest);
    }

    pub(crate) fn retire_on_drop<'a>(&'a self, digest: &'a IdDigest) -> RetireOnDrop<'a> {
        RetireOnDrop { touches: self, digest }
    }
}

impl Drop for RetireOnDrop<'_> {
    fn drop(&mut self) {
        self.touches.retire(self.digest);
    }
}
