//! The capability itself.

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

use super::{FeedOptions, Source, barriers::LinkBarriers, channels::Channels, keeper::Keeper, shared::Shared};

/// Makes subscriptions. They end when it is dropped.
pub(crate) struct Feed {
    source: Arc<dyn Source>,
    channels: Arc<Channels>,
    options: FeedOptions,
    origin: Origin,
    /// Closes when the feed is dropped; nothing is ever sent.
    alive: watch::Sender<()>,
}

impl Feed {
    /// A feed of these channels for a store handle of this origin. It starts nothing.
    pub(crate) fn new(source: Arc<dyn Source>, channels: Channels, options: FeedOptions, origin: Origin) -> Self {
        Self { source, channels: Arc::new(channels), options, origin, alive: watch::Sender::new(()) }
    }

    async fn start(&self) -> Result<Subscription, Error> {
        let shared = Arc::new(Shared::new(self.channels.clone(), self.options.clone()));
        let mut keeper = Keeper::new(shared.clone(), self.source.clone());
        keeper.start().await?;
        let mut alive = self.alive.subscribe();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = keeper.keep() => {}
                _ = alive.changed() => {}
            }
        });
        let barriers = Arc::new(LinkBarriers(shared.clone()));
        Ok(Subscription::new(Items { shared, task }, barriers))
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
        self.start().await.map_err(|error| error.with_backend("redis").with_operation("subscribe"))
    }
}

/// The stream of one subscription; dropping it ends the subscription and its connections.
#[derive(Debug)]
struct Items {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Stream for Items {
    type Item = FeedItem;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        self.shared.poll(cx)
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.close();
    }
}
