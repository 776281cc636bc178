//! Listing and revoking the sessions of a principal.

use session_core::{
    Error, Principal, SessionId,
    model::{EndReason, IdDigest, OpId},
    store::{
        Destroy, IndexedSession, RevocationId, RevokedAll, SessionIndex, async_trait,
        machine::{Slot, Slots, follow},
    },
};

use crate::{MemoryStore, index::IndexEntry, store::in_operation};

impl MemoryStore {
    /// Ends the session that is indexed at a digest, or has moved on from there. Returns where it was, if there was one.
    pub(crate) fn revoke_at(&self, principal: &Principal, digest: &IdDigest, destroy: &Destroy) -> Option<IdDigest> {
        let mut at = None;
        let revoked = self.data.mutate(&self.mutation(digest), |shard, now| {
            let step = self.data.rules.revoke(shard, now, (principal, digest), destroy);
            at = step.effect.map(|effect| effect.digest);
            Ok(step)
        });
        at.filter(|_| revoked.unwrap_or(false))
    }

    /// The sessions of a principal, and the sign-in number of the one that `id` gives access to.
    fn list_and_find(&self, principal: &Principal, id: Option<&SessionId>) -> (Vec<IndexEntry>, Option<u64>) {
        let Some(id) = id.map(SessionId::digest) else { return (self.data.index.list(principal), None) };
        // The session cannot move while the shard is locked.
        let shard = self.data.shard_of(id.partition()).shard.read();
        let now = self.data.clock.now();
        let at = match shard.get(id) {
            Some(Slot::Forward(forward)) if forward.gives_access(now) => forward.to,
            _ => *id,
        };
        let list = self.data.index.list(principal);
        let sign_in = list.iter().find(|entry| entry.digest == at).map(|entry| entry.sign_in);
        (list, sign_in)
    }
}

#[async_trait]
impl SessionIndex for MemoryStore {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let read = |entry: &IndexEntry| {
            let shard = self.data.shard_of(entry.digest.partition()).shard.read();
            let (digest, live) = follow(&*shard, self.data.clock.now(), &entry.digest)?;
            let (owner, expires_at) = (live.principal(), live.record().deadlines().expires_at());
            let (signed_in_at, note) = (live.record().signed_in_at()?, live.note().cloned());
            let session = IndexedSession { digest, signed_in_at, expires_at, note };
            (owner == Some(principal)).then_some(session)
        };
        Ok(self.data.index.list(principal).iter().filter_map(read).take(limit).collect())
    }

    async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        Ok(self.data.index.last_revocation(principal, self.data.clock.now()))
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let destroy = Destroy::new(OpId::generate().map_err(in_operation("revoke"))?, reason);
        // `session` may be any digest, but a tombstone may be left only where a session was indexed.
        let exists = {
            let shard = self.data.shard_of(session.partition()).shard.read();
            follow(&*shard, self.data.clock.now(), session).is_some()
        };
        Ok(exists && self.revoke_at(principal, session, &destroy).is_some())
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        let destroy = Destroy::new(OpId::generate().map_err(in_operation("revoke_all"))?, reason);
        // A sign-in that has passed the check of its last revocation is in progress under its shard's lock. It is listed
        // when the lock is free.
        let now = self.data.clock.now();
        let until = now.after(self.data.rules.tombstone);
        let revocation = RevocationId::from(u64::from(destroy.write.op).max(1));
        self.data.index.record_revocation(principal, revocation, (now, until));
        self.data.wait_for_steps();
        let (mut list, kept) = self.list_and_find(principal, except);
        let Some(last) = list.iter().map(|entry| entry.sign_in).max() else { return Ok(RevokedAll::default()) };
        let mut ended = Vec::new();
        loop {
            // Sessions that sign in from now on may stay.
            list.retain(|entry| entry.sign_in <= last && Some(entry.sign_in) != kept);
            if list.is_empty() {
                return Ok(RevokedAll { ended, left: 0 });
            }
            ended.extend(list.iter().filter_map(|entry| self.revoke_at(principal, &entry.digest, &destroy)));
            // A session that moved several times meanwhile may have escaped this round. It kept its sign-in number, so
            // the next round finds it.
            list = self.data.index.list(principal);
        }
    }
}
