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

/// The future of one attempt to subscribe.
pub(super) type SubscribeFuture = Pin<Box<dyn Future<Output = Result<Subscription, Error>> + Send>>;

/// One attempt to subscribe. Each of its callers drives it whenever it is polled, so no caller depends on another. It is
/// dropped with its last caller.
pub(super) struct SharedAttempt {
    /// `None` once it has ended.
    future: Mutex<Option<SubscribeFuture>>,
    callers: Arc<CallerWakers>,
    failure: OnceLock<Error>,
}

/// The wakers of the callers. The future holds them as its waker. It must not hold the [`SharedAttempt`], which owns it.
#[derive(Default)]
struct CallerWakers(Mutex<HashMap<u64, Waker>>);

impl Wake for CallerWakers {
    fn wake(self: Arc<Self>) {
        let wakers = std::mem::take(&mut *lock(&self.0));
        wakers.into_values().for_each(Waker::wake);
    }
}

impl SharedAttempt {
    pub(super) fn new(future: SubscribeFuture) -> Self {
        Self { future: Mutex::new(Some(future)), callers: Arc::default(), failure: OnceLock::new() }
    }

    /// Drives the attempt for the caller with this number. `install` gets the subscription before another caller can see
    /// that the attempt has ended. Returns `None` if another caller has driven it to its end.
    pub(super) fn poll<T>(
        &self,
        caller: u64,
        waker: &Waker,
        install: impl FnOnce(Subscription) -> T,
    ) -> Poll<Result<Option<T>, Error>> {
        let replaced = lock(&self.callers.0).insert(caller, waker.clone());
        drop(replaced);
        // Blocks while another caller polls. Returning at once instead could miss a wakeup, if the other caller is the last
        // one to be woken.
        let mut future = lock(&self.future);
        let Some(running) = future.as_mut() else {
            return Poll::Ready(self.failure.get().map_or(Ok(None), |failure| Err(failure.clone())));
        };
        let Poll::Ready(result) = running.as_mut().poll(&mut Context::from_waker(&self.callers.clone().into())) else {
            return Poll::Pending;
        };
        let ended = future.take();
        let result = match result {
            Ok(subscription) => Ok(Some(install(subscription))),
            Err(error) => Err(self.failure.get_or_init(|| error).clone()),
        };
        drop(future);
        drop(ended);
        self.callers.clone().wake();
        Poll::Ready(result)
    }
}
