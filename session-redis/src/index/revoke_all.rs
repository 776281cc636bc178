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
    revocation::{Revocation, Revoked},
    walk::{PAGE, Walk},
};
use crate::{operation::Operation, protocol::ListPage};

/// What a call has done so far.
#[derive(Default)]
struct Progress {
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
}

impl Progress {
    /// A session that cannot be read does not keep the others from being ended. Any other failure is likely to repeat.
    fn may_go_on(&self) -> bool {
        self.failure.as_ref().is_none_or(|failure| failure.kind() == ErrorKind::UnreadableField)
    }

    fn is_none(&self) -> bool {
        self.ended.is_empty() && self.removed == 0
    }

    fn outcome(self) -> Result<RevokedAll, Error> {
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

impl Operation<'_> {
    /// Ends the sessions of a principal except one, as many as the call has time for, the earliest first. Their entries
    /// are removed page by page, so a further call goes on with the others.
    pub(super) async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        destroy: &Destroy,
    ) -> Result<RevokedAll, Error> {
        let kept = match except {
            Some(id) => self.incarnation(id.digest()).await?,
            None => None,
        };
        // Before the list is read: a sign-in that is not listed then is refused if it knows an earlier revocation.
        self.record_revocation(principal, destroy).await?;
        let (mut walk, mut progress) = (Walk::oldest_first(), Progress::default());
        loop {
            let page = match self.next_page(principal, &mut walk, PAGE).await {
                Ok(page) => page,
                Err(error) if progress.is_none() => return Err(error),
                Err(_) => break,
            };
            // Sessions that sign in from now on may stay. Clocks may go back, so this is not the time on the server.
            walk.end_at(page.last_place);
            progress.unreached = page.beyond;
            self.revoke_page(principal, page, (destroy, kept), &mut progress).await;
            if walk.is_over() || !progress.may_go_on() || self.deadline.is_near() {
                break;
            }
        }
        progress.outcome()
    }

    async fn revoke_page(
        &self,
        principal: &Principal,
        page: ListPage,
        (destroy, kept): (&Destroy, Option<Incarnation>),
        progress: &mut Progress,
    ) {
        let (mut gone, entries) = page.split_expired();
        let listed: HashSet<IdDigest> = entries.iter().map(|entry| entry.digest).collect();
        let revocation = Revocation { principal, destroy, listed: Some(&listed), kept };
        let number = entries.len();
        let in_time = entries.into_iter().take_while(|_| !self.deadline.is_near());
        let ends = in_time.map(|entry| async move { (entry, self.revoke_at(&entry.digest, revocation).await) });
        let ends: Vec<_> = stream::iter(ends).buffer_unordered(AT_ONCE).collect().await;
        progress.unreached += number - ends.len();
        for (entry, end) in ends {
            match end {
                Ok(Revoked::Ended(at)) => {
                    progress.ended.insert(at);
                    gone.push(entry);
                }
                Ok(Revoked::Nothing) => gone.push(entry),
                Ok(Revoked::Kept) => {}
                Err(error) => {
                    progress.failed += 1;
                    progress.failure.get_or_insert(error);
                }
            }
        }
        if self.remove_unchanged(principal, &gone).await {
            progress.removed += gone.len();
        }
    }
}
