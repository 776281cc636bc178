//! Ending the oldest sessions of a principal that has more than its cap allows.

use std::{collections::HashSet, time::Duration};

use futures_util::{StreamExt as _, stream};
use session_core::{
    Error, Principal, SessionCap, SignIn,
    model::{EndReason, IdDigest, OpId, Timestamp},
    store::{Applied, Destroy},
};

use super::{
    Listing,
    live::{AT_ONCE, Found, Live},
    revocation::Revocation,
    walk::Walk,
};
use crate::{operation::Operation, protocol::Lookup};

/// How many of the latest sessions beyond the cap are compared by the times of their sign-ins. Sign-ins that run at the
/// same time may be listed in another order than they succeed in.
const MARGIN: usize = 16;
/// How many sign-ins of one principal may run at the same time. A list with room for all of them needs no look.
const CONCURRENT: u64 = 512;
/// How many entries older than these one sign-in looks at and ends. The next ones go on.
const MOST_AT_ONCE: usize = 256;

/// The session that has signed in.
#[derive(Clone, Copy)]
struct Own<'a> {
    digest: &'a IdDigest,
    place: u64,
    repeated: bool,
}

impl Own<'_> {
    fn is(self, found: &Found) -> bool {
        found.session.digest == *self.digest
    }
}

impl Operation<'_> {
    /// After a sign-in at the moment `now`, ends the session to which the old id led if the sign-in copied it, because
    /// it had signed in within the grace, and the principal now has more sessions than its cap allows: the form was sent
    /// twice, and one session is enough. The sign-in has succeeded in any case.
    pub(crate) async fn end_copied(&self, sign_in: &SignIn, at: &IdDigest, (grace, now): (Duration, Timestamp)) {
        let Some(SessionCap::Refuse(most)) = sign_in.cap() else { return };
        let principal = sign_in.principal();
        let most = most.max(1);
        let (mut walk, mut live) = (Walk::newest_first(), Live::default());
        let found = self.live_until(principal, (&mut walk, most.saturating_add(1)), &mut live).await;
        if found.is_err() || live.len() <= most {
            return;
        }
        let is_copied = match self.peek(at).await {
            Ok(Lookup::Session(found)) => {
                found.signed_in.is_some_and(|(of, signed_in_at)| of == *principal && signed_in_at.after(grace) > now)
            }
            _ => false,
        };
        if is_copied {
            self.end_sessions(principal, vec![*at]).await.ok();
        }
    }

    /// After a sign-in at `own`, which is listed, ends the oldest sessions above the cap. The sign-in has
    /// succeeded in any case; sessions that are left over are counted, and ended by the next one.
    pub(crate) async fn end_excess(&self, sign_in: &SignIn, (own, listing): (&IdDigest, &Listing), applied: &Applied) {
        let Some(SessionCap::EndOldest(most)) = sign_in.cap() else { return };
        if listing.entries.saturating_add(CONCURRENT) <= u64::try_from(most).unwrap_or(u64::MAX) {
            return;
        }
        let own = Own { digest: own, place: listing.place, repeated: applied.repeated };
        if !self.enforce_cap(sign_in.principal(), most.max(1), own).await.unwrap_or(false) {
            self.store.caps_exceeded.count();
        }
    }

    /// Ends the oldest sessions above the cap, as many as one sign-in may, and returns whether none is left over.
    ///
    /// The list is read after the session was stored, so that of several concurrent sign-ins the last one sees all of
    /// them. A sign-in ends no session that signed in later: two sign-ins that end each other would leave none. The
    /// later one sees this one and ends it. Only within one millisecond it may not have seen it, and then this one ends
    /// itself.
    ///
    /// A repeated sign-in may be the first that gets this far. It ends what it would have ended then: sessions that have
    /// signed in since do not count.
    async fn enforce_cap(&self, principal: &Principal, most: usize, own: Own<'_>) -> Result<bool, Error> {
        let mut walk = if own.repeated { Walk::newest_first_from(own.place) } else { Walk::newest_first() };
        let enough = most.saturating_add(MARGIN);
        let page = self.next_page(principal, &mut walk, enough).await?;
        if page.entries.len() + page.beyond <= most {
            return Ok(true);
        }
        let mut live = Live::default();
        walk.learn(&self.look_up(principal, page, &mut live).await);
        self.live_until(principal, (&mut walk, enough), &mut live).await?;
        let latest = live.into_sorted();
        // If it is not among these, it has ended, or the later ones enforce the cap.
        let Some(at) = latest.iter().position(|found| own.is(found)) else { return Ok(true) };
        let latest = if own.repeated { &latest[at..] } else { &latest[..] };
        let Some(excess) = latest.len().checked_sub(most) else { return Ok(walk.is_over()) };
        if !walk.is_over() && !self.end_older(principal, latest, own).await? {
            return Ok(false);
        }
        let time = latest.first().map(|found| found.session.signed_in_at);
        let may_end = |found: &&Found| !own.is(found) || Some(found.session.signed_in_at) == time;
        let oldest = latest.iter().rev().take(excess).take_while(may_end).map(|found| found.session.digest);
        self.end_sessions(principal, oldest.collect()).await.map(|()| true)
    }

    /// Ends sessions that are older than the latest ones, the oldest first. Returns whether none is left. A session that
    /// cannot be read does not keep the others.
    async fn end_older(&self, principal: &Principal, latest: &[Found], own: Own<'_>) -> Result<bool, Error> {
        let Some(oldest) = latest.last().map(|found| found.session.signed_in_at) else { return Ok(true) };
        let kept: HashSet<IdDigest> = latest.iter().map(|found| found.session.digest).chain([*own.digest]).collect();
        let is_older = |found: &Found| found.session.signed_in_at <= oldest && !kept.contains(&found.session.digest);
        let mut walk = Walk::oldest_first();
        walk.end_at(latest.iter().map(|found| found.place).min().unwrap_or_default());
        let mut left = MOST_AT_ONCE;
        while !walk.is_over() && left > 0 {
            let page = self.next_page(principal, &mut walk, left).await?;
            left = left.saturating_sub(page.entries.len().max(1));
            let mut live = Live::default();
            walk.learn(&self.look_up(principal, page, &mut live).await);
            let older = live.into_sorted().into_iter().rev().filter(is_older);
            self.end_sessions(principal, older.map(|found| found.session.digest).collect()).await?;
        }
        Ok(walk.is_over())
    }

    async fn end_sessions(&self, principal: &Principal, digests: Vec<IdDigest>) -> Result<(), Error> {
        let destroy = Destroy::new(OpId::generate()?, EndReason::Limit);
        let revocation = Revocation { principal, destroy: &destroy, listed: None, kept: None };
        let ends = digests.into_iter().map(|digest| async move { (digest, self.revoke_at(&digest, revocation).await) });
        let ends: Vec<_> = stream::iter(ends).buffer_unordered(AT_ONCE).collect().await;
        let is_done = |(digest, end): &(IdDigest, Result<_, _>)| end.is_ok().then_some(*digest);
        self.remove_from_list(principal, &ends.iter().filter_map(is_done).collect::<Vec<_>>()).await;
        ends.into_iter().try_for_each(|(_, end)| end.map(drop))
    }
}
