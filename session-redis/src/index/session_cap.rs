//! Ending the oldest sessions of a principal that has more than its cap allows.

use std::time::Duration;

use session_core::{
    SessionCap, SignIn,
    model::{EndReason, IdDigest, OpId, Timestamp},
    store::{Applied, Destroy, IndexedSession},
};

use super::revocation::Revocation;
use crate::operation::Operation;

impl Operation<'_> {
    /// After a sign-in at the moment `now`, ends the session to which the old id led if the sign-in copied it, because
    /// it had signed in within the grace, and the principal now has more sessions than its cap allows: the form was sent
    /// twice, and one session is enough. The sign-in has succeeded in any case.
    pub(crate) async fn end_copied(&self, sign_in: &SignIn, at: &IdDigest, (grace, now): (Duration, Timestamp)) {
        let Some(SessionCap::Refuse(most)) = sign_in.cap() else { return };
        let principal = sign_in.principal();
        let Ok(live) = self.live(principal).await else { return };
        let is_copied = |session: &IndexedSession| session.digest == *at && session.signed_in_at.after(grace) > now;
        if live.len() <= most.max(1) || !live.iter().any(is_copied) {
            return;
        }
        let Ok(op) = OpId::generate() else { return };
        let destroy = Destroy::new(op, EndReason::Limit);
        let revocation = Revocation { principal, destroy: &destroy, listed: None, kept: None };
        if self.revoke_at(at, revocation).await.is_ok() {
            self.remove_from_list(principal, &[*at]).await;
        }
    }

    /// After a sign-in at `own`, ends the oldest sessions above the cap. The sign-in has succeeded in any case; sessions
    /// that are left over are ended by the next one.
    ///
    /// The list is read after the session was stored, so that of several concurrent sign-ins the last one sees all of
    /// them. A sign-in ends no session that signed in later: two sign-ins that end each other would leave none. The
    /// later one sees this one and ends it. Only within one millisecond it may not have seen it, and then this one ends
    /// itself.
    ///
    /// A repeated sign-in may be the first that gets this far. It ends what it would have ended then: sessions that have
    /// signed in since do not count.
    pub(crate) async fn end_excess(&self, sign_in: &SignIn, own: &IdDigest, applied: &Applied) {
        let Some(SessionCap::EndOldest(most)) = sign_in.cap() else { return };
        let most = most.max(1);
        let Ok(list) = self.read_list(sign_in.principal()).await else { return };
        if list.1.len() <= most {
            return;
        }
        let Ok(live) = self.live_of(sign_in.principal(), list).await else { return };
        let Ok(op) = OpId::generate() else { return };
        let is_own = |session: &IndexedSession| session.digest == *own;
        let since = if applied.repeated { live.iter().position(is_own).unwrap_or(live.len()) } else { 0 };
        let live = &live[since..];
        let excess = live.len().saturating_sub(most);
        let destroy = Destroy::new(op, EndReason::Limit);
        let latest = live.first().map(|session| session.signed_in_at);
        let ends = |session: &&IndexedSession| !is_own(session) || Some(session.signed_in_at) == latest;
        let oldest = live.iter().rev().take(excess).take_while(ends);
        let digests: Vec<IdDigest> = oldest.map(|session| session.digest).collect();
        let revocation = Revocation { principal: sign_in.principal(), destroy: &destroy, listed: None, kept: None };
        let mut gone = Vec::new();
        for digest in digests {
            if self.revoke_at(&digest, revocation).await.is_ok() {
                gone.push(digest);
            }
        }
        self.remove_from_list(sign_in.principal(), &gone).await;
    }
}
