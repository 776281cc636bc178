//! Reading a list, and removing from it what is gone.

use std::{cmp::Reverse, collections::HashSet};

use futures_util::{StreamExt as _, stream};
use session_core::{Error, IdDigest, IndexedSession, Principal, Timestamp};

use super::Entry;
use crate::{inner::Inner, record::Sight};

/// How many sessions are looked at at the same time.
const AT_ONCE: usize = 64;

/// What became of a listed session.
enum Fate {
    Live(IndexedSession),
    /// Not there yet, perhaps.
    Awaited,
    Gone,
}

impl Inner {
    /// The live sessions of a principal, the latest sign-in first.
    pub(super) async fn live(
        &self,
        operation: &'static str,
        principal: &Principal,
    ) -> Result<Vec<IndexedSession>, Error> {
        let list = self.read_list(operation, principal).await?;
        self.look_through(operation, principal, list).await
    }

    /// Removes from a list what is gone.
    pub(super) async fn tidy(&self, operation: &'static str, principal: &Principal) -> Result<(), Error> {
        self.live(operation, principal).await.map(drop)
    }

    /// Looks at every listed session, removes those that are gone, and gives those that are there.
    pub(super) async fn look_through(
        &self,
        operation: &'static str,
        principal: &Principal,
        (now, entries): (Timestamp, Vec<Entry>),
    ) -> Result<Vec<IndexedSession>, Error> {
        let listed: HashSet<IdDigest> = entries.iter().map(|entry| entry.digest).collect();
        let fates = entries.into_iter().map(|entry| async move {
            let fate = self.fate(operation, principal, now, &entry).await;
            (entry.digest, fate)
        });
        let fates: Vec<_> = stream::iter(fates).buffer_unordered(AT_ONCE).collect().await;
        let (mut live, mut gone) = (Vec::new(), Vec::new());
        for (digest, fate) in fates {
            match fate? {
                Fate::Live(session) if session.digest == digest || !listed.contains(&session.digest) => {
                    live.push(session);
                    if session.digest != digest {
                        gone.push(digest);
                    }
                }
                Fate::Live(_) | Fate::Gone => gone.push(digest),
                Fate::Awaited => {}
            }
        }
        self.delist(principal, &gone).await;
        live.sort_unstable_by_key(|session| Reverse((session.signed_in_at, session.digest)));
        Ok(live)
    }

    async fn fate(
        &self,
        operation: &'static str,
        principal: &Principal,
        now: Timestamp,
        entry: &Entry,
    ) -> Result<Fate, Error> {
        let mut at = entry.digest;
        let mut sight = self.glance(operation, &at).await?;
        if let Sight::Moved(to, _) = sight {
            // Where it moved is listed too, unless the list was read before.
            at = to;
            sight = self.glance(operation, &at).await?;
        }
        Ok(match sight {
            Sight::Session(glance) => match glance.signed_in {
                Some((of, since)) if of == *principal => {
                    Fate::Live(IndexedSession::new(at, since, glance.touched.deadlines.expires_at()))
                }
                _ => Fate::Gone,
            },
            Sight::Nothing if at == entry.digest && now < entry.earliest_end && now < entry.until => Fate::Awaited,
            Sight::Nothing | Sight::Ended(_) | Sight::Moved(..) => Fate::Gone,
        })
    }
}
