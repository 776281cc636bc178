//! Faults of the change feed.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use session_core::{
    Error,
    model::{Delta, Field, Value},
    store::{BarrierId, Barriers, ChangeFeed as _, ChangeKind, FeedItem, Subscription, async_trait},
};

use super::{Fault, fault::FaultyFeed};
use crate::toy::Toy;

/// A feed whose items pass through a function, which is given each item and the one that it held back.
macro_rules! faulty_feeds {
    ($($(#[$doc:meta])* $name:ident: |$held:ident, $item:ident| $made:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $name;

        impl Fault for $name {
            fn feed(&self) -> Option<&dyn FaultyFeed> {
                Some(self)
            }
        }

        #[async_trait]
        impl FaultyFeed for $name {
            async fn subscribe(&self, inner: &Toy) -> Result<Subscription, Error> {
                let right = inner.subscribe().await?;
                let barriers = right.barriers().clone();
                let mut held: Option<FeedItem> = None;
                let made = move |item: FeedItem| {
                    let ($held, $item) = (&mut held, item);
                    let made: Vec<FeedItem> = $made;
                    stream::iter(made)
                };
                Ok(Subscription::new(right.flat_map(made), barriers))
            }
        }
    )*};
}

pub(super) use faulty_feeds;

faulty_feeds! {
    /// Drops every second change, without a gap.
    Drops: |held, item| match (&item, held.take()) {
        (FeedItem::Change(_), None) => {
            *held = Some(item.clone());
            vec![item]
        }
        (FeedItem::Change(_), Some(_)) => Vec::new(),
        _ => vec![item],
    };

    /// Delivers at least once.
    Duplicates: |_held, item| match item {
        FeedItem::Change(_) => vec![item.clone(), item],
        other => vec![other],
    };

    /// Swaps two changes.
    Reorders: |held, item| match (held.take(), &item) {
        (None, FeedItem::Change(_)) => {
            *held = Some(item);
            Vec::new()
        }
        (before, _) => std::iter::once(item).chain(before).collect(),
    };

    /// Drops the gaps.
    DropsGaps: |_held, item| match item {
        FeedItem::Gap(..) => Vec::new(),
        other => vec![other],
    };

    /// Carries the delta of an update, though it does not say which deadlines that has set.
    PatchesDeadlines: |_held, item| match item {
        FeedItem::Change(mut change) if change.kind == ChangeKind::Applied => {
            change.delta.get_or_insert_default();
            vec![FeedItem::Change(change)]
        }
        other => vec![other],
    };

    /// Carries the delta of another change.
    CarriesTheWrongDelta: |_held, item| match item {
        FeedItem::Change(mut change) => {
            let mut wrong = Delta::new();
            wrong.set(Field::new("wrong").unwrap(), Value::MEMBER);
            change.delta = Some(Arc::new(wrong));
            vec![FeedItem::Change(change)]
        }
        other => vec![other],
    };
}

/// The answer to a barrier overtakes changes that are still on their way.
#[derive(Debug, Default)]
pub(crate) struct AnswersBarriersEarly;

#[derive(Debug)]
struct Early;

#[async_trait]
impl Barriers for Early {
    async fn barrier(&self, _: u16) -> Result<BarrierId, Error> {
        Ok(BarrierId::from(0))
    }
}

impl Fault for AnswersBarriersEarly {
    fn feed(&self) -> Option<&dyn FaultyFeed> {
        Some(self)
    }
}

#[async_trait]
impl FaultyFeed for AnswersBarriersEarly {
    async fn subscribe(&self, inner: &Toy) -> Result<Subscription, Error> {
        let right = inner.subscribe().await?;
        let early = (0..4).map(|partition| FeedItem::Barrier(partition, BarrierId::from(0)));
        let items = right.flat_map(move |item| stream::iter(early.clone().chain([item])));
        let first = (0..4).map(|partition| FeedItem::Barrier(partition, BarrierId::from(0)));
        Ok(Subscription::new(stream::iter(first).chain(items), Arc::new(Early)))
    }
}
