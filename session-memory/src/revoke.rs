//! Finding and revoking the sessions of a principal.

use session_core::{
    Error, Principal, SessionId,
    model::{EndReason, IdDigest, OpId},
    store::{
        Destroy, IndexedSession, RotationKind, SessionIndex, async_trait,
        machine::{Slot, Slots, follow},
    },
};

use crate::{MemoryStore, index::Listed, store::in_operation};

impl MemoryStore {
    /// Ends the session that is listed at a digest, or has moved on from there. True if there was one.
    pub(crate) fn revoke_at(&self, principal: &Principal, digest: &IdDigest, destroy: &Destroy) -> bool {
        let revoked = self.data.mutate(&self.mutation(digest), |shard, now| {
            Ok(self.data.rules.revoke(shard, now, (principal, digest), destroy))
        });
        revoked.unwrap_or(false)
    }

    /// The sessions of a principal, and the one among them that an id gives access to.
    fn list_with(&self, principal: &Principal, id: Option<&SessionId>) -> (Vec<Listed>, Option<u64>) {
        let Some(id) = id.map(SessionId::digest) else { return (self.data.index.list(principal), None) };
        // While the shard is locked the session stays where it is.
        let shard = self.data.cell_of(id.partition()).shard.read();
        let now = self.data.clock.now();
        let at = match shard.get(id) {
            Some(Slot::Forward(forward)) if forward.kind == RotationKind::Renew && forward.until > now => forward.to,
            _ => *id,
        };
        let list = self.data.index.list(principal);
        let sign_in = list.iter().find(|listed| listed.digest == at).map(|listed| listed.sign_in);
        (list, sign_in)
    }
}

#[async_trait]
impl SessionIndex for MemoryStore {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let look = |listed: &Listed| {
            let shard = self.data.cell_of(listed.digest.partition()).shard.read();
            let (digest, live) = follow(&*shard, self.data.clock.now(), &listed.digest)?;
            let (owner, expires_at) = (live.principal(), live.record().deadlines().expires_at());
            let session = IndexedSession::new(digest, live.signed_in_at()?, expires_at);
            (owner == Some(principal)).then_some(session)
        };
        Ok(self.data.index.list(principal).iter().filter_map(look).take(limit).collect())
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let destroy = Destroy::new(OpId::generate().map_err(in_operation("revoke"))?, reason);
        // A tombstone belongs only where a session was listed; any digest may be asked for here.
        let is_there = {
            let shard = self.data.cell_of(session.partition()).shard.read();
            follow(&*shard, self.data.clock.now(), session).is_some()
        };
        Ok(is_there && self.revoke_at(principal, session, &destroy))
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<usize, Error> {
        let destroy = Destroy::new(OpId::generate().map_err(in_operation("revoke_all"))?, reason);
        let (mut list, kept) = self.list_with(principal, except);
        let Some(last) = list.iter().map(|listed| listed.sign_in).max() else { return Ok(0) };
        let mut ended = 0;
        loop {
            // Who signs in from now on may stay.
            list.retain(|listed| listed.sign_in <= last && Some(listed.sign_in) != kept);
            if list.is_empty() {
                return Ok(ended);
            }
            ended += list.iter().filter(|listed| self.revoke_at(principal, &listed.digest, &destroy)).count();
            // A session that moved so often meanwhile that its trail was lost has escaped; it kept its number.
            list = self.data.index.list(principal);
        }
    }
}
