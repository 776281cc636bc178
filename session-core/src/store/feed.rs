//! The stream of all changes, for caches and other observers.

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
    model::{Delta, EndReason, IdDigest, OpId, Stamp},
    random::random_identity,
    store::RotationKind,
};

/// The source of a change: 64 random bits for each store handle, so that an observer recognises its own changes. The child
/// of a `fork` has the origin of its parent, so nothing may depend on an origin being unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(u64);

random_identity!(Origin, "origin");

/// One change of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionChange {
    /// The partition of the session.
    pub partition: u16,
    /// The position of the change in its partition: one more than the change before it. It starts at a random number,
    /// so that a store that was emptied or restored shows as a jump.
    pub sequence: u64,
    /// The session. For a rotation, its old digest.
    pub digest: IdDigest,
    /// The stamp before the change, if the session existed.
    pub before: Option<Stamp>,
    /// The stamp after the change, if the session exists.
    pub after: Option<Stamp>,
    /// The store handle that made the change.
    pub origin: Origin,
    /// The kind of the change.
    pub kind: ChangeKind,
    /// The op id of the change, if it was announced. The stamp after an update [follows](Stamp::next) from the one before it
    /// and the op id, so an observer can tell whether a delta leads from one to the other.
    pub op: Option<OpId>,
    /// The delta, if one was applied and it is small enough to be sent. An update that sets new deadlines announces none,
    /// because a delta does not describe it.
    pub delta: Option<Arc<Delta>>,
}

/// The kinds of change. Touches and expiry are not announced.
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
        /// How the old id behaves.
        kind: RotationKind,
    },
    /// The session was ended.
    Destroyed(EndReason),
    /// A kind that this version does not know, or whose details it cannot read. The session has changed, so caches must
    /// evict their copies of it.
    Unknown,
}

/// An item of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedItem {
    /// A change. Each change is delivered at most once, in order within a partition.
    Change(SessionChange),
    /// The answer to [`Barriers::barrier`]. It follows everything that was published in that partition before it.
    Barrier(u16, BarrierId),
    /// Changes may be missing before this point, in one partition or in all partitions (`None`).
    Gap(Option<u16>, GapCause),
}

/// Why a feed has a gap.
///
/// Some failures make two gaps: one at once, when the failure is noticed, and one when the feed listens again. Changes
/// made in between are missing, and the second gap comes after all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapCause {
    /// The subscriber did not keep up, and its buffer was full.
    Overflow,
    /// The connection to the store was lost and was re-established.
    Reconnected,
    /// A hole or a jump in the sequence of a partition: a change was lost, or the store was emptied or restored.
    Missed,
    /// An announcement cannot be read. It may be about any session of the partition.
    Unreadable,
    /// The connection to the store is lost. Another gap follows when there is a new connection.
    Disconnected,
    /// The partition is leaving its server for another one, or has arrived there.
    SlotMoved,
    /// The server is no longer the primary. Another gap follows when there is a connection to the new one.
    Demoted,
    /// Another server is the primary now, and the feed listens to it. The last changes of the old primary may be
    /// missing there.
    FailedOver,
}

/// Identifies one barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BarrierId(u64);

impl From<u64> for BarrierId {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

/// Requests barriers. It can be shared while the stream is being read.
#[async_trait]
pub trait Barriers: fmt::Debug + Send + Sync {
    /// Requests an answer from the store. It arrives in this subscription's stream after everything that was published
    /// in the partition before the store answered.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, the barrier may still arrive in the stream.
    async fn barrier(&self, partition: u16) -> Result<BarrierId, Error>;

    /// Whether a barrier of any partition follows everything published before in *all* partitions, because one
    /// connection carries them all. One barrier is then enough for the whole cache.
    fn spans_partitions(&self) -> bool {
        false
    }
}

/// A live subscription: a stream of [`FeedItem`]s. It ends when it is dropped, or when the store is dropped.
pub struct Subscription {
    items: Pin<Box<dyn Stream<Item = FeedItem> + Send>>,
    barriers: Arc<dyn Barriers>,
}

impl Subscription {
    /// A subscription that reads this stream. The stream may be polled on any thread, also outside of the runtime that it
    /// was made in.
    pub fn new(items: impl Stream<Item = FeedItem> + Send + 'static, barriers: Arc<dyn Barriers>) -> Self {
        Self { items: Box::pin(items), barriers }
    }

    /// Requests barriers in this stream.
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

/// The capability to follow all changes.
///
/// # Contract
/// Each change is delivered at most once, and in order within a partition. A [`Gap`](FeedItem::Gap) is delivered
/// wherever changes may be missing. A subscription starts with the changes that follow it.
///
/// A store across a network checks the connection of a subscription by itself, also while no barrier is requested, and
/// documents within which time a dead connection becomes a gap. [`Sessions::watch`](crate::Sessions::watch) relies on it.
///
/// A cache relies on two further guarantees. First, a store never answers a load from a server that its feed has left
/// for a later primary: the cache would keep such an answer, and nothing would ever contradict it. Second, a
/// subscription knows the position of each partition from its beginning, so that the next barrier reveals a store that
/// has lost everything.
#[async_trait]
pub trait ChangeFeed: Send + Sync {
    /// The origin of this handle's own changes.
    fn origin(&self) -> Origin;

    /// The number of partitions, a power of two. The low bits of [`IdDigest::partition`] select the partition of a
    /// session.
    fn partitions(&self) -> u32;

    /// Starts listening.
    ///
    /// # Consistency
    /// The subscription delivers every change that is acknowledged after this call returns, or a gap that covers it.
    /// Changes that were acknowledged before are not delivered, so load after subscribing.
    ///
    /// # Errors
    /// Those of the store; see [`ErrorKind`](crate::ErrorKind).
    ///
    /// # Cancel safety
    /// If the future is dropped, there is no subscription.
    async fn subscribe(&self) -> Result<Subscription, Error>;
}
