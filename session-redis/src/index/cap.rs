//! Ending the oldest sessions of a principal that has too many.

use session_core::{Destroy, EndReason, IdDigest, OpId, SessionCap, SignIn};

use super::{Listed, revoke::Revocation};
use crate::inner::Inner;

const OPERATION: &str = "sign_in";

impl Inner {
    /// After a sign-in: ends the oldest sessions until there are as many as the cap allows, the newest among them. The
    /// sign-in stands whatever becomes of this; what is left over is ended by the next one.
    pub(crate) async fn end_excess(&self, sign_in: &SignIn, listed: Option<&Listed>, newest: &IdDigest) {
        let Some(SessionCap::EndOldest(most)) = sign_in.cap() else { return };
        let most = most.max(1);
        if listed.is_some_and(|listed| listed.number as usize <= most) {
            return;
        }
        let Ok(live) = self.live(OPERATION, sign_in.principal()).await else { return };
        let Ok(op) = OpId::draw() else { return };
        let excess = live.len().saturating_sub(most);
        let destroy = Destroy::new(op, EndReason::Limit);
        let oldest = live.iter().rev().filter(|session| session.digest != *newest).take(excess);
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
