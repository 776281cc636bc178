//! Reading a principal's list in bounded steps.

use std::collections::HashSet;

use redis::{Pipeline, Value as Reply};
use session_core::{
    Error, Principal,
    model::{IdDigest, Timestamp},
};

use crate::{
    operation::{Operation, SendOptions},
    protocol::{IndexPageReply, ListEntry, ListPage, SCRIPTS, put, unexpected_reply, unreadable},
};

/// The most entries of one page. More of them block the server for longer.
pub(super) const PAGE: usize = 512;
/// The fewest entries of a page: some of them may be of sessions that are gone. While pages have only such entries, each
/// has twice as many as the one before.
const MIN_PAGE: usize = 16;

const UNREADABLE: &str = "a principal's list cannot be read";

/// What a look at the sessions of a page has found.
#[derive(Debug)]
pub(super) struct Looked {
    /// Whether there was a session, or one may still arrive.
    pub(super) has_sessions: bool,
    /// The entries that were removed from the list.
    pub(super) removed: Vec<IdDigest>,
}

/// A walk over a list, page by page. The cursor is a place: entries may be added and removed meanwhile, so a rank would
/// skip some. A session that moved has several entries with one place; those that the walk has met at the cursor are
/// remembered, so none is met twice.
#[derive(Debug)]
pub(super) struct Walk {
    newest_first: bool,
    /// The places that are left, both included.
    low: u64,
    high: u64,
    met: HashSet<IdDigest>,
    /// How many entries the next page has at least, if its sessions are looked up.
    least: usize,
    is_over: bool,
}

impl Walk {
    /// From the latest entry.
    pub(super) fn newest_first() -> Self {
        Self::newest_first_from(Timestamp::MAX.as_millis())
    }

    /// From a place to earlier ones.
    pub(super) fn newest_first_from(place: u64) -> Self {
        Self { newest_first: true, low: 0, high: place, met: HashSet::new(), least: MIN_PAGE, is_over: false }
    }

    /// From the earliest entry.
    pub(super) fn oldest_first() -> Self {
        Self { newest_first: false, ..Self::newest_first() }
    }

    /// Ends a walk from the earliest entry at this place.
    pub(super) fn end_at(&mut self, place: u64) {
        self.high = self.high.min(place);
    }

    /// Whether every entry has been met.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// How many entries the next page should have, to find this many sessions.
    pub(super) fn page_for(&self, sessions: usize) -> usize {
        sessions.max(self.least)
    }

    /// Chooses the size of the next page, from what was found on the last one. Entries that were removed are not met again.
    pub(super) fn learn(&mut self, looked: &Looked) {
        self.least = if looked.has_sessions { MIN_PAGE } else { (self.least * 2).min(PAGE) };
        for digest in &looked.removed {
            self.met.remove(digest);
        }
    }

    fn advance(&mut self, page: &mut ListPage, asked: usize) {
        self.is_over = page.entries.len() < asked;
        let Some(last) = page.entries.last().map(|entry| entry.place) else { return };
        let met = &self.met;
        let at_cursor: Vec<IdDigest> =
            page.entries.iter().filter(|entry| entry.place == last).map(|entry| entry.digest).collect();
        page.entries.retain(|entry| !met.contains(&entry.digest));
        let cursor = if self.newest_first { &mut self.high } else { &mut self.low };
        if *cursor != last {
            *cursor = last;
            self.met.clear();
        }
        self.met.extend(at_cursor);
    }
}

impl Operation<'_> {
    /// The next entries of a walk, about `most` of them. One round trip. There may be none even though the walk is not
    /// over.
    pub(super) async fn next_page(
        &self,
        principal: &Principal,
        walk: &mut Walk,
        most: usize,
    ) -> Result<ListPage, Error> {
        let asked = most.clamp(1, PAGE) + walk.met.len();
        let sort = if walk.newest_first { b'N' } else { b'O' };
        let mut page = self.read_page(principal, sort, (walk.low, walk.high), asked).await?;
        walk.advance(&mut page, asked);
        Ok(page)
    }

    /// Entries in a row from somewhere in the list, which `place` chooses. One round trip.
    pub(super) async fn sample(&self, principal: &Principal, place: u32, most: usize) -> Result<ListPage, Error> {
        self.read_page(principal, b'S', (0, u64::from(place)), most).await
    }

    /// The place of an id, if it is listed. One round trip.
    pub(super) async fn place_in_list(&self, principal: &Principal, digest: &IdDigest) -> Result<Option<u64>, Error> {
        let (partition, [list, _]) = self.store.layout.principal(principal);
        let mut reads = Pipeline::with_capacity(3);
        reads.cmd("PTTL").arg(&list).cmd("HGET").arg(&list).arg(&digest.to_bytes());
        match self.read(partition, &list, reads).await? {
            [_, Reply::Nil] => Ok(None),
            [_, Reply::BulkString(entry)] => {
                let entry = [&digest.to_bytes()[..], &entry].concat();
                let entry = ListEntry::parse(&entry).ok_or_else(|| unreadable(UNREADABLE))?;
                Ok(Some(entry.place))
            }
            _ => Err(unexpected_reply()),
        }
    }

    /// The arguments are those that `index_page.lua` documents.
    async fn read_page(
        &self,
        principal: &Principal,
        sort: u8,
        (low, high): (u64, u64),
        most: usize,
    ) -> Result<ListPage, Error> {
        let (partition, [list, order]) = self.store.layout.principal(principal);
        let mut head = vec![sort];
        put::<7>(&mut head, low);
        put::<7>(&mut head, high);
        put::<4>(&mut head, most as u64);
        let mut cmd = SCRIPTS.index_page.command(&[&list, &order], (1, head.len()));
        cmd.arg(head);
        for _ in 0..2 {
            let reply = self.read_by_script(&SCRIPTS.index_page, (partition, &list), &cmd).await?;
            match IndexPageReply::parse(&reply)? {
                IndexPageReply::Page(page) => return Ok(page),
                IndexPageReply::Disagree => self.sort_list(principal).await?,
            }
        }
        Err(unexpected_reply())
    }

    /// Rebuilds the order of a list whose order was lost.
    async fn sort_list(&self, principal: &Principal) -> Result<(), Error> {
        let (partition, [list, order]) = self.store.layout.principal(principal);
        let cmd = SCRIPTS.index_sort.command(&[&list, &order], (0, 0));
        let answer = self.run_script(&SCRIPTS.index_sort, partition, &cmd, SendOptions::idempotent()).await?;
        match answer.reply[..] {
            [b'A'] => Ok(()),
            _ => Err(unreadable(UNREADABLE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks over entries with these places, in pages of `most`, and returns the numbers of the entries in turn.
    fn walk(places: &[u64], most: usize, mut walk: Walk) -> Vec<usize> {
        let digest = |number: usize| {
            let mut bytes = [0; 18];
            bytes[17] = number as u8;
            IdDigest::from(&bytes)
        };
        let mut order: Vec<_> = places.iter().enumerate().map(|(number, place)| (*place, number)).collect();
        order.sort_unstable();
        if walk.newest_first {
            order.reverse();
        }
        let mut met = Vec::new();
        while !walk.is_over() {
            let asked = most + walk.met.len();
            let in_range = order.iter().filter(|(place, _)| (walk.low..=walk.high).contains(place));
            let now = Timestamp::default();
            let entry = |(place, number): &(u64, usize)| ListEntry {
                digest: digest(*number),
                until: now,
                awaited_until: now,
                place: *place,
            };
            let entries = in_range.take(asked).map(entry).collect();
            let mut page = ListPage { now, beyond: 0, last_place: 0, entries };
            walk.advance(&mut page, asked);
            met.extend(page.entries.iter().map(|entry| usize::from(entry.digest.to_bytes()[17])));
        }
        met
    }

    #[test]
    fn every_entry_is_met_once() {
        for places in [&[][..], &[5], &[1, 2, 3, 4, 5, 6], &[3; 7], &[1, 2, 2, 2, 2, 3, 3, 9], &[1, 1, 1, 2]] {
            for most in 1..5 {
                let oldest_first = walk(places, most, Walk::oldest_first());
                assert_eq!(oldest_first, (0..places.len()).collect::<Vec<_>>(), "{places:?} in pages of {most}");
                let newest_first = walk(places, most, Walk::newest_first());
                assert_eq!(newest_first, (0..places.len()).rev().collect::<Vec<_>>(), "{places:?} in pages of {most}");
            }
        }
    }

    #[test]
    fn a_walk_stays_between_its_places() {
        let places = [1, 2, 2, 3, 4];
        assert_eq!(walk(&places, 2, Walk::newest_first_from(2)), [2, 1, 0]);
        let mut bounded = Walk::oldest_first();
        bounded.end_at(2);
        assert_eq!(walk(&places, 2, bounded), [0, 1, 2]);
    }
}
