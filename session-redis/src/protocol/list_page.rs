//! A part of a principal's list.

use session_core::{Error, model::Timestamp};

use super::{
    bytes::Cursor,
    error::{unexpected_reply, unreadable},
    list_entry::ListEntry,
};

/// A part of a principal's list, in its order.
#[derive(Clone, Debug)]
pub(crate) struct ListPage {
    /// The time on the server that holds the list.
    pub(crate) now: Timestamp,
    /// How many more entries are between the places that were asked for.
    pub(crate) beyond: usize,
    /// The greatest place of the whole list.
    pub(crate) last_place: u64,
    pub(crate) entries: Vec<ListEntry>,
}

impl ListPage {
    /// The entries that have expired, and the others. A session ends before its entry expires, also by the clock of its own
    /// server: the entry has the greatest difference between two clocks on top.
    pub(crate) fn split_expired(self) -> (Vec<ListEntry>, Vec<ListEntry>) {
        let now = self.now;
        self.entries.into_iter().partition(|entry| entry.until < now)
    }
}

/// The reply of `index_page.lua`.
#[derive(Clone, Debug)]
pub(crate) enum IndexPageReply {
    Page(ListPage),
    /// The list and its order do not agree.
    Disagree,
}

impl IndexPageReply {
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Error> {
        match reply {
            [b'A', rest @ ..] => page(rest).map(Self::Page).ok_or_else(unexpected_reply),
            [b'D'] => Ok(Self::Disagree),
            [b'G'] => Err(unreadable("a principal's list cannot be read")),
            _ => Err(unexpected_reply()),
        }
    }
}

fn page(rest: &[u8]) -> Option<ListPage> {
    let mut cursor = Cursor(rest);
    let (now, in_range, last_place) = (cursor.time::<7>()?, cursor.number::<4>()?, cursor.number::<7>()?);
    let mut entries = Vec::with_capacity(cursor.0.len() / ListEntry::LEN);
    while !cursor.0.is_empty() {
        entries.push(ListEntry::read(&mut cursor)?);
    }
    let beyond = (in_range as usize).saturating_sub(entries.len());
    Some(ListPage { now, beyond, last_place, entries })
}
