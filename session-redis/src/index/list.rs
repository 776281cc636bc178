//! Reading a list, and removing from it what is gone.

use std::{cmp::Reverse, collections::HashSet};

use futures_util::{StreamExt as _, stream};
use session_core::{
    Error, Principal,
    model::{IdDigest, Timestamp},
    store::IndexedSession,
};

use super::Entry;
use crate::{inner::Inner, record::Sight};

/// How many sessions are looked at at the same time.
const AT_ONCE: usize = 64;

/// What became of a listed session.
enum Fate {
    /// With its place in the list.
    Live(u64, IndexedSession),
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

    /// Takes back the listing of an id to which no session of this principal has come; not that of one that was there
    /// before.
    pub(crate) async fn withdraw(&self, operation: &'static str, principal: &Principal, digest: &IdDigest) {
        match self.glance(operation, digest).await {
            Ok(Sight::Session(glance)) if glance.signed_in.as_ref().is_some_and(|(of, _)| of == principal) => {}
            Err(_) => {}
            Ok(_) => self.delist(principal, &[*digest]).await,
        }
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
            (entry, fate)
        });
        let fates: Vec<_> = stream::iter(fates).buffer_unordered(AT_ONCE).collect().await;
        let (mut live, mut gone) = (Vec::new(), Vec::new());
        for (entry, fate) in fates {
            let digest = entry.digest;
            match fate? {
                Fate::Live(place, session) if session.digest == digest || !listed.contains(&session.digest) => {
                    live.push((place, session));
                    if session.digest != digest {
                        gone.push(entry);
                    }
                }
                Fate::Live(..) | Fate::Gone => gone.push(entry),
                Fate::Awaited => {}
            }
        }
        self.unlist(operation, principal, &gone).await;
        live.sort_unstable_by_key(|(place, session)| Reverse((session.signed_in_at, *place, session.digest)));
        Ok(live.into_iter().map(|(_, session)| session).collect())
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
                    Fate::Live(entry.place, IndexedSession::new(at, since, glance.touched.deadlines.expires_at()))
                }
                _ => Fate::Gone,
            },
            Sight::Nothing if at == entry.digest && now < entry.awaited_until && now < entry.until => Fate::Awaited,
            Sight::Nothing | Sight::Ended(_) | Sight::Moved(..) => Fate::Gone,
        })
    }
}
