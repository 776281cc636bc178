//! The feed of one store, from which subscriptions are made.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use futures_core::Stream;
use session_core::{
    Error,
    store::{ChangeFeed, FeedItem, Origin, Subscription},
};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    FeedOptions, FeedTransport, active_subscription::ActiveSubscription, channels::Channels,
    feed_barriers::FeedBarriers, feed_supervisor::FeedSupervisor,
};
use crate::{
    error_context::ErrorContext as _,
    net::{Failure, check_runtime},
};

/// Makes subscriptions, which end when it is dropped.
pub(crate) struct Feed {
    transport: Arc<dyn FeedTransport>,
    channels: Arc<Channels>,
    options: FeedOptions,
    origin: Origin,
    /// Closes when the feed is dropped; nothing is ever sent.
    alive: watch::Sender<()>,
}

impl Feed {
    /// A feed of these channels for a store of this origin. It starts no task.
    pub(crate) fn new(
        transport: Arc<dyn FeedTransport>,
        channels: Channels,
        options: FeedOptions,
        origin: Origin,
    ) -> Self {
        Self { transport, channels: Arc::new(channels), options, origin, alive: watch::Sender::new(()) }
    }

    async fn start(&self) -> Result<Subscription, Error> {
        check_runtime().map_err(Failure::into_read_error)?;
        let subscription = Arc::new(ActiveSubscription::new(self.channels.clone(), self.options.clone()));
        let mut supervisor = FeedSupervisor::new(subscription.clone(), self.transport.clone());
        supervisor.start().await?;
        let mut alive = self.alive.subscribe();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = supervisor.run() => {}
                _ = alive.changed() => {}
            }
        });
        let barriers = Arc::new(FeedBarriers(subscription.clone()));
        Ok(Subscription::new(Items { subscription, task }, barriers))
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("options", &self.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl ChangeFeed for Feed {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn partitions(&self) -> u32 {
        self.channels.len() as u32
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        self.start().await.during("subscribe")
    }
}

/// The stream of one subscription. Dropping it ends the subscription and its connections.
#[derive(Debug)]
struct Items {
    subscription: Arc<ActiveSubscription>,
    task: JoinHandle<()>,
}

impl Stream for Items {
    type Item = FeedItem;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        self.subscription.poll(cx)
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        self.task.abort();
        self.subscription.close();
    }
}
