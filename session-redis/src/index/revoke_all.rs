//! Ending all sessions of a principal, in steps.

use std::collections::HashSet;

use futures_util::{StreamExt as _, stream};
use session_core::{
    Error, ErrorKind, Principal, SessionId,
    model::{IdDigest, Incarnation},
    store::{Destroy, RevokedAll},
};

use super::{
    live::AT_ONCE,
    revocation::{Listed, Revocation, Revoked},
    walk::{Looked, PAGE, Walk},
};
use crate::{operation::Operation, protocol::ListPage};

/// What a call has done so far.
#[derive(Default)]
pub(super) struct Progress {
    /// A session that moves may be met twice.
    ended: HashSet<IdDigest>,
    /// How many entries are dealt with for good: removed from the list.
    removed: usize,
    /// How many sessions could not be ended.
    failed: usize,
    /// Why the first of them could not.
    failure: Option<Error>,
    /// How many entries of the list were not reached.
    unreached: usize,
    /// Ids that had nothing. They have tombstones of this revocation, and no session was ended there.
    vacant: HashSet<IdDigest>,
    /// How many of them this walk has met. Sessions that were there when the list was read have moved behind the walk.
    escaped: usize,
}

impl Progress {
    /// A session that cannot be read does not keep the others from being ended. Any other failure is likely to repeat.
    fn may_go_on(&self) -> bool {
        self.failure.as_ref().is_none_or(|failure| failure.kind() == ErrorKind::UnreadableField)
    }

    fn is_none(&self) -> bool {
        self.ended.is_empty() && self.removed == 0
    }

    pub(super) fn outcome(self) -> Result<RevokedAll, Error> {
        let left = self.failed + self.unreached;
        if left > 0 && self.is_none() {
            let too_slow = || {
                Error::new(
                    ErrorKind::Unavailable,
                    "no session could be ended within the call deadline; try again later",
                )
            };
            return Err(self.failure.unwrap_or_else(too_slow));
        }
        Ok(RevokedAll { ended: self.ended.into_iter().collect(), left })
    }
}

/// A revocation of all sessions of a principal, in steps: a page of the list is read, then its sessions are ended.
pub(super) struct RevokeAll<'a> {
    operation: Operation<'a>,
    principal: &'a Principal,
    destroy: &'a Destroy,
    kept: Option<Incarnation>,
    /// The most entries of a page.
    page: usize,
    walk: Walk,
    /// The greatest place of the list when it was first read.
    last_place: Option<u64>,
    pub(super) progress: Progress,
}

impl Operation<'_> {
    /// Ends the sessions of a principal except one, as many as the call has time for, the earliest first. Their entries
    /// are removed page by page, so a further call goes on with the others.
    pub(super) async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        destroy: &Destroy,
    ) -> Result<RevokedAll, Error> {
        let mut revocation = self.begin_to_revoke_all((principal, except), destroy, PAGE).await?;
        loop {
            let page = match revocation.read().await {
                Ok(page) => page,
                Err(error) if revocation.progress.is_none() => return Err(error),
                Err(_) => break,
            };
            revocation.end(page).await;
            if !revocation.goes_on() {
                break;
            }
        }
        revocation.progress.outcome()
    }

    pub(super) async fn begin_to_revoke_all<'a>(
        &'a self,
        (principal, except): (&'a Principal, Option<&SessionId>),
        destroy: &'a Destroy,
        page: usize,
    ) -> Result<RevokeAll<'a>, Error> {
        let kept = match except {
            Some(id) => self.incarnation(id.digest()).await?,
            None => None,
        };
        // Before the list is read: a sign-in that is not listed then is refused if it knows an earlier revocation.
        self.record_revocation(principal, destroy).await?;
        let (walk, progress) = (Walk::oldest_first(), Progress::default());
        Ok(RevokeAll { operation: *self, principal, destroy, kept, page, walk, last_place: None, progress })
    }
}

impl RevokeAll<'_> {
    /// Reads the next page of the list.
    pub(super) async fn read(&mut self) -> Result<ListPage, Error> {
        let page = self.operation.next_page(self.principal, &mut self.walk, self.page).await?;
        // Sessions that sign in from now on stay. Clocks may go back, so this is not the time on the server.
        self.walk.end_at(*self.last_place.get_or_insert(page.last_place));
        self.progress.unreached = page.beyond;
        Ok(page)
    }

    /// Ends the sessions of a page.
    pub(super) async fn end(&mut self, page: ListPage) {
        let (operation, principal, destroy) = (self.operation, self.principal, self.destroy);
        let progress = &mut self.progress;
        let (mut gone, entries) = page.split_expired();
        let listed: HashSet<IdDigest> = entries.iter().map(|entry| entry.digest).collect();
        let listed = Listed { page: &listed, last_place: self.last_place.unwrap_or_default() };
        let revocation = Revocation { principal, destroy, listed: Some(listed), kept: self.kept };
        let number = entries.len();
        let in_time = entries.into_iter().take_while(|_| !operation.deadline.is_near());
        let ends = in_time.map(|entry| async move { (entry, operation.revoke_at(&entry.digest, revocation).await) });
        let ends: Vec<_> = stream::iter(ends).buffer_unordered(AT_ONCE).collect().await;
        progress.unreached += number - ends.len();
        let mut escaped = 0;
        for (entry, end) in ends {
            match end {
                Ok(Revoked::Ended(at)) => {
                    if !progress.vacant.contains(&at) {
                        progress.ended.insert(at);
                    }
                    gone.push(entry);
                }
                Ok(Revoked::Nothing | Revoked::Moved) => gone.push(entry),
                Ok(Revoked::Vacant) => {
                    escaped += 1;
                    progress.vacant.insert(entry.digest);
                    gone.push(entry);
                }
                Ok(Revoked::Kept) => {}
                Err(error) => {
                    progress.failed += 1;
                    progress.failure.get_or_insert(error);
                }
            }
        }
        if operation.remove_unchanged(principal, &gone).await {
            progress.removed += gone.len();
            progress.escaped += escaped;
            let removed = gone.iter().map(|entry| entry.digest).collect();
            self.walk.learn(&Looked { has_sessions: true, removed });
        } else {
            progress.failed += escaped;
        }
    }

    /// Whether there is another page, and time for it.
    ///
    /// A session may move while the list is walked. It keeps its place, so its new entry may be behind the walk, and its
    /// old id may lead nowhere. Then there is another walk, over the entries that are left.
    pub(super) fn goes_on(&mut self) -> bool {
        let begins_anew = self.walk.is_over() && self.progress.escaped > 0;
        if begins_anew {
            self.walk = Walk::oldest_first();
            self.progress.unreached += std::mem::take(&mut self.progress.escaped);
        }
        let goes_on = !self.walk.is_over() && self.progress.may_go_on() && !self.operation.deadline.is_near();
        if begins_anew && goes_on {
            // The other walk meets the sessions again that could not be ended.
            self.progress.failed = 0;
        }
        goes_on
    }
}
