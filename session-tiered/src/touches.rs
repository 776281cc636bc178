//! Touches: callers who renew one session's deadline at the same time share one request.

use std::{sync::Arc, time::Duration};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use session_core::{
    Error, SessionId,
    model::IdDigest,
    store::{SessionStore, TouchOptions, TouchOutcome},
};

use crate::inner::Inner;

type Answer = Result<TouchOutcome, Error>;

/// A touch in flight.
pub(crate) struct Touching {
    idle: Option<Duration>,
    /// Weak: one that nobody waits for any more ends.
    touching: WeakShared<BoxFuture<'static, Answer>>,
}

impl<R: SessionStore + 'static> Inner<R> {
    pub(crate) async fn touch(self: &Arc<Self>, id: &SessionId, options: TouchOptions) -> Answer {
        self.touching(id, options).await
    }

    /// The touch in flight, or a new one.
    fn touching(self: &Arc<Self>, id: &SessionId, options: TouchOptions) -> Shared<BoxFuture<'static, Answer>> {
        let mut touches = self.touches.lock();
        let same = touches.get(id.digest()).filter(|touching| touching.idle == options.idle);
        if let Some(touching) = same.and_then(|same| same.touching.upgrade()) {
            return touching;
        }
        let touching = self.clone().send_touch(*id, options).boxed().shared();
        if let Some(weak) = touching.downgrade() {
            touches.insert(*id.digest(), Touching { idle: options.idle, touching: weak });
        }
        touching
    }

    /// What is in flight was sent before something else happened: nobody joins it any more.
    pub(crate) fn part_from_touches(&self, digest: &IdDigest) {
        let mut touches = self.touches.lock();
        touches.remove(digest);
    }

    async fn send_touch(self: Arc<Self>, id: SessionId, options: TouchOptions) -> Answer {
        let entry = Entry { inner: &self, digest: id.digest() };
        let outcome = self.ask(self.remote.touch(&id, options)).await?;
        // From now on a touch is another one.
        drop(entry);
        match outcome {
            TouchOutcome::Touched(touched) => {
                self.local.touched(&touched.forwarded.unwrap_or(*id.digest()), touched.deadlines);
            }
            _ => self.local.evict(id.digest(), true),
        }
        Ok(outcome)
    }
}

/// A place in the list of touches in flight.
struct Entry<'a, R> {
    inner: &'a Inner<R>,
    digest: &'a IdDigest,
}

impl<R> Drop for Entry<'_, R> {
    fn drop(&mut self) {
        let mut touches = self.inner.touches.lock();
        touches.remove(self.digest);
    }
}
