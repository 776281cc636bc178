//! The watchers of one `Sessions`, by the digest of their session.

use std::{collections::HashMap, task::Waker, time::Duration};

use super::WatchEnd;
use crate::{
    model::{Ended, IdDigest},
    store::{ChangeKind, FeedItem, GapCause, SessionChange},
};

/// Identifies one watcher until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WatcherId(u32);

#[cfg(test)]
impl WatcherId {
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

/// All watchers. The watchers of one session form a list, so that a change costs one lookup.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    /// The first free slot.
    free: Option<u32>,
    /// The first watcher of each watched session.
    first: HashMap<IdDigest, u32>,
    waiting: usize,
    used: usize,
}

#[derive(Debug)]
enum Slot {
    Free { next: Option<u32> },
    Waiting(Watcher),
    Ended(WatchEnd),
}

#[derive(Debug)]
struct Watcher {
    digest: IdDigest,
    /// The next watcher of the same session.
    next: Option<u32>,
    waker: Option<Waker>,
    /// Whether the session has moved from the id at which the watch began.
    moved: bool,
    /// Whether the session's deadlines may have been replaced since the last poll.
    rescheduled: bool,
}

/// The answer to a poll.
pub(super) enum Polled {
    Ended(WatchEnd),
    Waiting {
        rescheduled: bool,
        /// The waker that the new one replaces. The caller drops it as after [`remove`](Table::remove).
        replaced: Option<Waker>,
    },
}

impl Table {
    /// The number of watchers that have not ended.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn insert(&mut self, digest: IdDigest) -> WatcherId {
        let watcher = Slot::Waiting(Watcher { digest, next: None, waker: None, moved: false, rescheduled: false });
        let at = self.free.unwrap_or_else(|| {
            self.slots.push(Slot::Free { next: None });
            // Memory runs out long before 32 bits do.
            (self.slots.len() - 1) as u32
        });
        if let Slot::Free { next } = std::mem::replace(&mut self.slots[at as usize], watcher) {
            self.free = next;
        }
        self.link(at, digest);
        self.waiting += 1;
        self.used += 1;
        WatcherId(at)
    }

    /// Removes a watcher. The caller drops the returned waker after it has unlocked the table, because the drop may run
    /// other code.
    pub(super) fn remove(&mut self, WatcherId(at): WatcherId) -> Option<Waker> {
        self.unlink(at);
        let slot = std::mem::replace(&mut self.slots[at as usize], Slot::Free { next: self.free });
        self.free = Some(at);
        self.used -= 1;
        if self.used == 0 {
            // Frees the memory of a peak.
            *self = Self::default();
            return slot.into_waker();
        }
        self.waiting -= usize::from(matches!(slot, Slot::Waiting(_)));
        slot.into_waker()
    }

    /// Returns the end of a watch, or else registers the waker for it.
    pub(super) fn poll(&mut self, WatcherId(at): WatcherId, waker: &Waker) -> Polled {
        match &mut self.slots[at as usize] {
            Slot::Ended(end) => Polled::Ended(*end),
            Slot::Waiting(watcher) => {
                let is_registered = watcher.waker.as_ref().is_some_and(|old| old.will_wake(waker));
                let replaced = if is_registered { None } else { watcher.waker.replace(waker.clone()) };
                Polled::Waiting { rescheduled: std::mem::take(&mut watcher.rescheduled), replaced }
            }
            Slot::Free { .. } => Polled::Waiting { rescheduled: false, replaced: None },
        }
    }

    /// The digest of the session, and whether it has moved there from the id at which the watch began. `None` once the watch
    /// has ended.
    pub(super) fn place(&self, WatcherId(at): WatcherId) -> Option<(IdDigest, bool)> {
        match &self.slots[at as usize] {
            Slot::Waiting(watcher) => Some((watcher.digest, watcher.moved)),
            Slot::Ended(_) | Slot::Free { .. } => None,
        }
    }

    /// Watches the session at another digest, unless the watch has ended.
    pub(super) fn relocate(&mut self, WatcherId(at): WatcherId, to: IdDigest) {
        self.unlink(at);
        self.move_to(at, to);
    }

    /// Whether an item of the feed can concern a watcher. Updates with a delta, which are most of them, do not: they set no
    /// deadlines.
    pub(super) fn is_concerned(item: &FeedItem) -> bool {
        let FeedItem::Change(change) = item else { return matches!(item, FeedItem::Gap(..)) };
        match change.kind {
            ChangeKind::Created => false,
            ChangeKind::Applied => change.delta.is_none(),
            _ => true,
        }
    }

    /// Applies an item of the feed, and returns the wakers to call once the table is unlocked. `mask` selects the partition
    /// bits of a digest.
    pub(super) fn apply(&mut self, item: &FeedItem, mask: u16) -> Vec<Waker> {
        match item {
            FeedItem::Change(SessionChange { digest, kind, before, after, delta, .. }) => match kind {
                ChangeKind::Created => Vec::new(),
                ChangeKind::Applied if delta.is_some() => Vec::new(),
                ChangeKind::Applied => self.reschedule(digest),
                ChangeKind::Rotated { to, .. } => {
                    let replaced = before.zip(*after).is_some_and(|(old, new)| old.incarnation() != new.incarnation());
                    if replaced {
                        return self.end(digest, WatchEnd::Superseded);
                    }
                    self.follow(digest, *to);
                    Vec::new()
                }
                ChangeKind::Destroyed(reason) => {
                    self.end(digest, WatchEnd::Ended(Ended { reason: *reason, age: Duration::ZERO }))
                }
                ChangeKind::Unknown => self.end(digest, WatchEnd::Interrupted(Some(GapCause::Unreadable))),
            },
            FeedItem::Gap(Some(partition), cause) => {
                self.end_where(|digest| digest.partition() & mask == *partition, WatchEnd::Interrupted(Some(*cause)))
            }
            FeedItem::Gap(None, cause) => self.end_all(Some(*cause)),
            FeedItem::Barrier(..) => Vec::new(),
        }
    }

    /// Ends all watches, because they will receive no more changes.
    pub(super) fn end_all(&mut self, cause: Option<GapCause>) -> Vec<Waker> {
        self.end_where(|_| true, WatchEnd::Interrupted(cause))
    }

    fn end_where(&mut self, mut is_met: impl FnMut(&IdDigest) -> bool, end: WatchEnd) -> Vec<Waker> {
        let met: Vec<u32> = self.first.extract_if(|digest, _| is_met(digest)).map(|(_, first)| first).collect();
        met.into_iter().flat_map(|first| self.end_list(first, end)).collect()
    }

    fn end(&mut self, digest: &IdDigest, end: WatchEnd) -> Vec<Waker> {
        self.first.remove(digest).map(|first| self.end_list(first, end)).unwrap_or_default()
    }

    /// Ends the watchers of a list that is no longer in the table.
    fn end_list(&mut self, first: u32, end: WatchEnd) -> Vec<Waker> {
        let (mut wakers, mut next) = (Vec::new(), Some(first));
        while let Some(at) = next {
            let slot = std::mem::replace(&mut self.slots[at as usize], Slot::Ended(end));
            next = slot.next();
            wakers.extend(slot.into_waker());
            self.waiting -= 1;
        }
        wakers
    }

    /// The session's deadlines may have been replaced: its watchers that can do so load it again. Their id is still the
    /// session's.
    fn reschedule(&mut self, digest: &IdDigest) -> Vec<Waker> {
        let (mut wakers, mut next) = (Vec::new(), self.first.get(digest).copied());
        while let Some(at) = next {
            let Slot::Waiting(watcher) = &mut self.slots[at as usize] else { break };
            if !watcher.moved {
                watcher.rescheduled = true;
                wakers.extend(watcher.waker.take());
            }
            next = watcher.next;
        }
        wakers
    }

    /// The session has moved: its watchers move with it.
    fn follow(&mut self, from: &IdDigest, to: IdDigest) {
        let mut next = self.first.remove(from);
        while let Some(at) = next {
            next = self.slots[at as usize].next();
            self.move_to(at, to);
        }
    }

    fn move_to(&mut self, at: u32, to: IdDigest) {
        self.link(at, to);
        if let Slot::Waiting(watcher) = &mut self.slots[at as usize] {
            watcher.moved = true;
        }
    }

    /// Adds a watcher to the list of a session.
    fn link(&mut self, at: u32, digest: IdDigest) {
        if let Slot::Waiting(watcher) = &mut self.slots[at as usize] {
            watcher.digest = digest;
            watcher.next = self.first.insert(digest, at);
        }
    }

    /// Removes a watcher from the list of its session. The cost grows with the number of watchers of that session.
    fn unlink(&mut self, at: u32) {
        let Slot::Waiting(Watcher { digest, next, .. }) = self.slots[at as usize] else { return };
        let Some(mut before) = self.first.get(&digest).copied() else { return };
        if before == at {
            match next {
                Some(next) => self.first.insert(digest, next),
                None => self.first.remove(&digest),
            };
            return;
        }
        while let Slot::Waiting(watcher) = &mut self.slots[before as usize] {
            match watcher.next {
                Some(found) if found == at => return watcher.next = next,
                Some(other) => before = other,
                None => return,
            }
        }
    }
}

impl Slot {
    fn next(&self) -> Option<u32> {
        match self {
            Self::Waiting(watcher) => watcher.next,
            Self::Free { .. } | Self::Ended(_) => None,
        }
    }

    fn into_waker(self) -> Option<Waker> {
        match self {
            Self::Waiting(watcher) => watcher.waker,
            Self::Free { .. } | Self::Ended(_) => None,
        }
    }
}
