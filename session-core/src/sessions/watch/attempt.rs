//! One attempt to subscribe, shared by all callers that wait for a subscription.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Poll, Wake, Waker},
};

use super::lock;
use crate::{Error, store::Subscription};

/// The future of an attempt.
pub(super) type Attempt = Pin<Box<dyn Future<Output = Result<Subscription, Error>> + Send>>;

/// One attempt to subscribe. Each of its callers drives it whenever it is polled, so no caller depends on another. It is
/// dropped with its last caller.
pub(super) struct Round {
    /// `None` once it has ended.
    attempt: Mutex<Option<Attempt>>,
    callers: Arc<Callers>,
    failure: OnceLock<Error>,
}

/// The tasks of the callers. The attempt holds it as its waker, and must not hold the round, which holds the attempt.
#[derive(Default)]
struct Callers(Mutex<HashMap<u64, Waker>>);

impl Wake for Callers {
    fn wake(self: Arc<Self>) {
        let wakers = std::mem::take(&mut *lock(&self.0));
        wakers.into_values().for_each(Waker::wake);
    }
}

impl Round {
    pub(super) fn new(attempt: Attempt) -> Self {
        Self { attempt: Mutex::new(Some(attempt)), callers: Arc::default(), failure: OnceLock::new() }
    }

    /// Drives the attempt for the caller with this number. `install` is given the subscription before another caller can
    /// see that the attempt has ended. Returns `None` if another caller has ended it.
    pub(super) fn poll<T>(
        &self,
        caller: u64,
        waker: &Waker,
        install: impl FnOnce(Subscription) -> T,
    ) -> Poll<Result<Option<T>, Error>> {
        let replaced = lock(&self.callers.0).insert(caller, waker.clone());
        drop(replaced);
        // Waits for a poll by another caller. A poll that returned at once instead could miss that the other one is the
        // last to be woken.
        let mut attempt = lock(&self.attempt);
        let Some(running) = attempt.as_mut() else {
            return Poll::Ready(self.failure.get().map_or(Ok(None), |failure| Err(failure.clone())));
        };
        let Poll::Ready(result) = running.as_mut().poll(&mut Context::from_waker(&self.callers.clone().into())) else {
            return Poll::Pending;
        };
        let ended = attempt.take();
        let result = match result {
            Ok(subscription) => Ok(Some(install(subscription))),
            Err(error) => Err(self.failure.get_or_init(|| error).clone()),
        };
        drop(attempt);
        drop(ended);
        self.callers.clone().wake();
        Poll::Ready(result)
    }
}
