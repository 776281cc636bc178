//! Faults of the change feed that keep a watch from ending with its session, or end it too early.

use futures_util::{StreamExt as _, stream};
use session_core::{
    Error,
    store::{ChangeFeed as _, ChangeKind, FeedItem, GapCause, Subscription, async_trait},
};

use super::{Fault, fault::FaultyFeed, feed::faulty_feeds};
use crate::toy::Toy;

faulty_feeds! {
    /// Announces updates, and leaves out ends.
    HidesEnds: |_held, item| match &item {
        FeedItem::Change(change) if matches!(change.kind, ChangeKind::Destroyed(_)) => Vec::new(),
        _ => vec![item],
    };

    /// Announces each end under the digest of the first change.
    NamesAnotherSession: |held, item| match item {
        FeedItem::Change(mut change) => {
            let first = held.get_or_insert_with(|| FeedItem::Change(change.clone()));
            if let (ChangeKind::Destroyed(_), FeedItem::Change(first)) = (change.kind, first) {
                change.digest = first.digest;
            }
            vec![FeedItem::Change(change)]
        }
        other => vec![other],
    };

    /// Announces a rotation as an update.
    LosesRotations: |_held, item| match item {
        FeedItem::Change(mut change) => {
            if let ChangeKind::Rotated { .. } = change.kind {
                change.kind = ChangeKind::Applied;
            }
            vec![FeedItem::Change(change)]
        }
        other => vec![other],
    };

    /// Begins with a gap, as if a subscription could have missed what was before it.
    BeginsWithAGap: |held, item| if held.replace(item.clone()).is_none() {
        vec![FeedItem::Gap(None, GapCause::Reconnected), item]
    } else {
        vec![item]
    };
}
