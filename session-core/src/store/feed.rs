//! The stream of all changes, for caches and for whoever wants to know.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use futures_core::Stream;

use crate::{
    Error,
    model::{Delta, EndReason, IdDigest, Stamp},
    random,
    store::RotationKind,
};

/// Who made a change: 64 random bits for each store handle, so that a node knows its own changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(u64);

impl Origin {
    /// A new origin.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate() -> Result<Self, Error> {
        random::u64().map(Self)
    }

    /// The origin with these bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// One change of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionChange {
    /// The partition it happened in.
    pub partition: u16,
    /// Its place in that partition: one more than the change before it. It starts at a random number, so that a
    /// store that was emptied or restored shows as a jump.
    pub sequence: u64,
    /// The session; for a rotation its old digest.
    pub digest: IdDigest,
    /// The stamp before, if there was a session before.
    pub before: Option<Stamp>,
    /// The stamp after, if there is a session after.
    pub after: Option<Stamp>,
    /// Who made it.
    pub origin: Origin,
    /// What it was.
    pub kind: ChangeKind,
    /// The delta, if one was applied and it is small enough to carry.
    pub delta: Option<Arc<Delta>>,
}

impl SessionChange {
    /// A change of the session `digest`, the given one of its partition, by `origin`.
    pub fn new(
        (partition, sequence): (u16, u64),
        origin: Origin,
        effect: &crate::store::machine::Effect,
        delta: Option<Arc<Delta>>,
    ) -> Self {
        let crate::store::machine::Effect { digest, before, after, kind } = *effect;
        Self { partition, sequence, digest, before, after, origin, kind, delta }
    }
}

/// The sorts of change. Touches and expiry are not announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// A session was created.
    Created,
    /// A delta was applied.
    Applied,
    /// The session moved to another id.
    Rotated {
        /// Its new digest.
        to: IdDigest,
        /// What became of the old one.
        kind: RotationKind,
    },
    /// The session was ended.
    Destroyed(EndReason),
    /// A kind that this version does not know, or whose particulars it cannot read: something became of the session,
    /// so whoever keeps a copy of it evicts it.
    Unknown,
}

/// An item of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedItem {
    /// A change: each at most once, in order within a partition.
    Change(SessionChange),
    /// The answer to [`Barriers::barrier`], behind everything that was published in that partition before it.
    Barrier(u16, BarrierId),
    /// Changes may be missing before this point: in one partition, or in all (`None`).
    Gap(Option<u16>, GapCause),
}

/// Why a feed has a gap.
///
/// Some trouble makes two gaps: one at once, when it is noticed, and one when the feed listens again. Changes made in
/// between are missing, and the second gap stands behind all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapCause {
    /// The subscriber did not keep up and its buffer was full.
    Overflow,
    /// The connection to the store was lost and made anew.
    Reconnected,
    /// A hole or a jump in the sequence of a partition: a change was lost, or the store was emptied or restored.
    Missed,
    /// Something was announced that cannot be read. It may have been about any session of the partition.
    Unreadable,
    /// The connection to the store is lost. Another gap follows when there is a new one.
    Disconnected,
    /// The partition leaves its server for another one, or has arrived there.
    SlotMoved,
    /// The server is no longer the primary. Another gap follows when there is a connection to the new one.
    Demoted,
    /// Another server is the primary now, and the feed listens to it. It may lack the last changes of the old one.
    FailedOver,
}

/// The name of one barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BarrierId(pub u64);

/// The means of asking for barriers, shareable while the stream is being read.
#[async_trait]
pub trait Barriers: fmt::Debug + Send + Sync {
    /// Asks the store for an answer that arrives in this subscription's stream behind everything published in the
    /// partition before.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, the barrier may still arrive in the stream.
    async fn barrier(&self, partition: u16) -> Result<BarrierId, Error>;

    /// Whether a barrier of any partition stands behind everything published before in *all* of them, since one
    /// connection carries them all. Then one is enough for everything that is cached.
    fn spans_partitions(&self) -> bool {
        false
    }
}

/// A live subscription: a stream of [`FeedItem`]s. It ends when it is dropped, or when the store is.
pub struct Subscription {
    items: Pin<Box<dyn Stream<Item = FeedItem> + Send>>,
    barriers: Arc<dyn Barriers>,
}

impl Subscription {
    /// A subscription to this stream.
    pub fn new(items: impl Stream<Item = FeedItem> + Send + 'static, barriers: Arc<dyn Barriers>) -> Self {
        Self { items: Box::pin(items), barriers }
    }

    /// The means of asking for barriers in this stream.
    pub fn barriers(&self) -> &Arc<dyn Barriers> {
        &self.barriers
    }

    /// The next item, or `None` when the store is gone.
    ///
    /// # Cancel safety
    /// If the future is dropped, no item is lost.
    pub async fn next(&mut self) -> Option<FeedItem> {
        std::future::poll_fn(|cx| self.items.as_mut().poll_next(cx)).await
    }
}

impl Stream for Subscription {
    type Item = FeedItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        self.items.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("barriers", &self.barriers).finish_non_exhaustive()
    }
}

/// The capability of telling all changes.
///
/// # Contract
/// Each change at most once; in order within a partition; whatever may be missing is announced by a
/// [`Gap`](FeedItem::Gap). A subscription starts with the changes that follow it.
///
/// A cache relies on two things more. A store never answers a load from a server that its feed has left for a later
/// primary: such an answer would be kept, and nothing would ever contradict it. And a subscription knows from its beginning
/// where each partition stands, so that a store that loses everything shows at the next barrier.
#[async_trait]
pub trait ChangeFeed: Send + Sync {
    /// The origin that this handle's own changes bear.
    fn origin(&self) -> Origin;

    /// The number of partitions, a power of two. The low bits of [`IdDigest::partition`] tell a session's.
    fn partitions(&self) -> u32;

    /// Starts listening.
    ///
    /// # Consistency
    /// Of every change that is acknowledged after it has returned, the subscription tells, or it tells of a gap. What was
    /// acknowledged before is not told of: load after subscribing.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no subscription.
    async fn subscribe(&self) -> Result<Subscription, Error>;
}
