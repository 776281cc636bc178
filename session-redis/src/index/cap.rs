//! Ending the oldest sessions of a principal that has too many.

use session_core::{
    SessionCap, SignIn,
    model::{EndReason, IdDigest, OpId},
    store::{Destroy, IndexedSession},
};

use super::revoke::Revocation;
use crate::inner::Inner;

const OPERATION: &str = "sign_in";

impl Inner {
    /// After a sign-in at `own`: ends the oldest sessions until there are as many as the cap allows. The sign-in stands
    /// whatever becomes of this; what is left over is ended by the next one.
    ///
    /// The list is read now that the session is there, so that of several sign-ins at once the last one sees them all.
    /// It ends none that signed in later: two sign-ins that end each other would leave none. The later one sees this one
    /// and ends it; only within one millisecond it may not have, so then this one ends itself.
    pub(crate) async fn end_excess(&self, sign_in: &SignIn, own: &IdDigest) {
        let Some(SessionCap::EndOldest(most)) = sign_in.cap() else { return };
        let most = most.max(1);
        let Ok(list) = self.read_list(OPERATION, sign_in.principal()).await else { return };
        if list.1.len() <= most {
            return;
        }
        let Ok(live) = self.look_through(OPERATION, sign_in.principal(), list).await else { return };
        let Ok(op) = OpId::generate() else { return };
        let excess = live.len().saturating_sub(most);
        let destroy = Destroy::new(op, EndReason::Limit);
        let latest = live.first().map(|session| session.signed_in_at);
        let ends = |session: &&IndexedSession| session.digest != *own || Some(session.signed_in_at) == latest;
        let oldest = live.iter().rev().take(excess).take_while(ends);
        let digests: Vec<IdDigest> = oldest.map(|session| session.digest).collect();
        let revocation = Revocation {
            operation: OPERATION,
            principal: sign_in.principal(),
            destroy: &destroy,
            listed: None,
            spared: None,
        };
        let mut gone = Vec::new();
        for digest in digests {
            if self.revoke_at(&digest, revocation).await.is_ok() {
                gone.push(digest);
            }
        }
        self.delist(sign_in.principal(), &gone).await;
    }
}
