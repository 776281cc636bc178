//! The live sessions of a list.

use std::{cmp::Reverse, collections::HashSet};

use futures_util::{StreamExt as _, stream};
use session_core::{
    Error, Principal,
    model::{IdDigest, Timestamp},
    store::IndexedSession,
};

use super::walk::{Looked, Walk};
use crate::{
    operation::Operation,
    protocol::{ListEntry, ListPage, Lookup},
};

/// How many sessions are looked up, or ended, concurrently.
pub(super) const AT_ONCE: usize = 64;

/// What a listed id holds.
enum Status {
    /// A session.
    Live(IndexedSession),
    /// No session yet; one may still arrive.
    Awaited,
    Gone,
}

/// A live session, and its place in the list.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) place: u64,
    pub(super) session: IndexedSession,
}

/// Live sessions of a list, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Live {
    sessions: Vec<Found>,
    digests: HashSet<IdDigest>,
    /// How many sessions may still arrive.
    awaited: usize,
    /// Why a session could not be looked up.
    failure: Option<Error>,
}

impl Live {
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// The number of sessions, with those that may still arrive.
    pub(super) fn len_with_awaited(&self) -> usize {
        self.sessions.len() + self.awaited
    }

    /// An error if a session could not be looked up.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// The sessions, the latest sign-in first.
    pub(super) fn into_sorted(mut self) -> Vec<Found> {
        let order = |found: &Found| Reverse((found.session.signed_in_at, found.place, found.session.digest));
        self.sessions.sort_unstable_by_key(order);
        self.sessions
    }
}

impl Operation<'_> {
    /// The live sessions of a principal, the latest sign-in first, and at most `limit`.
    pub(super) async fn latest(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let mut live = Live::default();
        self.live_until(principal, (&mut Walk::newest_first(), limit), &mut live).await?;
        Ok(live.into_sorted().into_iter().map(|found| found.session).take(limit).collect())
    }

    /// Goes on with a walk until `enough` live sessions are found.
    pub(super) async fn live_until(
        &self,
        principal: &Principal,
        (walk, enough): (&mut Walk, usize),
        live: &mut Live,
    ) -> Result<(), Error> {
        live.check()?;
        while live.len() < enough && !walk.is_over() {
            self.next_live(principal, (walk, enough - live.len()), live).await?;
        }
        Ok(())
    }

    /// Looks up the sessions of the next page of a walk, to find this many.
    pub(super) async fn next_live(
        &self,
        principal: &Principal,
        (walk, wanted): (&mut Walk, usize),
        live: &mut Live,
    ) -> Result<(), Error> {
        let page = self.next_page(principal, walk, walk.page_for(wanted)).await?;
        walk.learn(&self.look_up(principal, page, live).await);
        live.check()
    }

    /// Looks up the sessions of a page, and removes the entries of those that are gone. At the end of its time in the list
    /// a session is gone in any case.
    pub(super) async fn look_up(&self, principal: &Principal, page: ListPage, live: &mut Live) -> Looked {
        let (now, before) = (page.now, live.len_with_awaited());
        let (mut gone, entries) = page.split_expired();
        let listed: HashSet<IdDigest> = entries.iter().map(|entry| entry.digest).collect();
        let lookups = entries.into_iter().map(|entry| async move {
            let status = self.status(principal, now, &entry).await;
            (entry, status)
        });
        let found: Vec<_> = stream::iter(lookups).buffer_unordered(AT_ONCE).collect().await;
        for (entry, status) in found {
            match status {
                Ok(Status::Live(session)) => {
                    // At its new id the session has an entry of its own: on this page, on another one, or added since.
                    let has_moved = session.digest != entry.digest;
                    if !(has_moved && listed.contains(&session.digest)) && live.digests.insert(session.digest) {
                        live.sessions.push(Found { place: entry.place, session });
                    }
                    if has_moved {
                        gone.push(entry);
                    }
                }
                Ok(Status::Awaited) => live.awaited += 1,
                Ok(Status::Gone) => gone.push(entry),
                Err(error) => live.failure = Some(error),
            }
        }
        let is_removed = self.remove_unchanged(principal, &gone).await;
        let removed = if is_removed { gone.iter().map(|entry| entry.digest).collect() } else { Vec::new() };
        Looked { has_sessions: live.len_with_awaited() > before, removed }
    }

    async fn status(&self, principal: &Principal, now: Timestamp, entry: &ListEntry) -> Result<Status, Error> {
        let mut at = entry.digest;
        let mut found = self.peek(&at).await?;
        if let Lookup::Moved(to, _) = found {
            // The new id is listed too, unless the list was read before.
            at = to;
            found = self.peek(&at).await?;
        }
        Ok(match found {
            Lookup::Session(peeked) => match peeked.signed_in {
                Some((of, signed_in_at)) if of == *principal => {
                    let expires_at = peeked.touched.deadlines.expires_at();
                    Status::Live(IndexedSession { digest: at, signed_in_at, expires_at, note: peeked.note })
                }
                _ => Status::Gone,
            },
            Lookup::Nothing if at == entry.digest && now < entry.awaited_until && now < entry.until => Status::Awaited,
            Lookup::Nothing | Lookup::Ended(_) | Lookup::Moved(..) => Status::Gone,
        })
    }
}
