//! The live sessions of a list.

use std::{cmp::Reverse, collections::HashSet};

use futures_util::{StreamExt as _, stream};
use session_core::{
    Error, Principal,
    model::{IdDigest, Timestamp},
    store::IndexedSession,
};

use super::listing::List;
use crate::{
    operation::Operation,
    protocol::{ListEntry, Lookup},
};

/// How many sessions are looked up concurrently.
const AT_ONCE: usize = 64;

/// What a listed id holds.
enum Status {
    /// A session, with its place in the list.
    Live(u64, IndexedSession),
    /// No session yet; one may still arrive.
    Awaited,
    Gone,
}

impl Operation<'_> {
    /// The live sessions of a principal, the latest sign-in first.
    pub(super) async fn live(&self, principal: &Principal) -> Result<Vec<IndexedSession>, Error> {
        let list = self.read_list(principal).await?;
        self.live_of(principal, list).await
    }

    /// Looks up every listed session, removes entries whose sessions are gone, and returns the others.
    pub(super) async fn live_of(
        &self,
        principal: &Principal,
        (now, entries): List,
    ) -> Result<Vec<IndexedSession>, Error> {
        let listed: HashSet<IdDigest> = entries.iter().map(|entry| entry.digest).collect();
        let lookups = entries.into_iter().map(|entry| async move {
            let status = self.status(principal, now, &entry).await;
            (entry, status)
        });
        let found: Vec<_> = stream::iter(lookups).buffer_unordered(AT_ONCE).collect().await;
        let (mut live, mut gone) = (Vec::new(), Vec::new());
        for (entry, status) in found {
            let digest = entry.digest;
            match status? {
                Status::Live(place, session) if session.digest == digest || !listed.contains(&session.digest) => {
                    if session.digest != digest {
                        gone.push(entry);
                    }
                    live.push((place, session));
                }
                Status::Live(..) | Status::Gone => gone.push(entry),
                Status::Awaited => {}
            }
        }
        self.remove_unchanged(principal, &gone).await;
        live.sort_unstable_by_key(|(place, session)| Reverse((session.signed_in_at, *place, session.digest)));
        Ok(live.into_iter().map(|(_, session)| session).collect())
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
                    let session = IndexedSession { digest: at, signed_in_at, expires_at, note: peeked.note };
                    Status::Live(entry.place, session)
                }
                _ => Status::Gone,
            },
            Lookup::Nothing if at == entry.digest && now < entry.awaited_until && now < entry.until => Status::Awaited,
            Lookup::Nothing | Lookup::Ended(_) | Lookup::Moved(..) => Status::Gone,
        })
    }
}
