//! Sign-ins that may leave their principal with so many sessions and no more.

use session_core::{
    Error, ErrorKind, Principal, SessionCap, SignIn,
    model::{EndReason, IdDigest, OpId},
    store::{
        Destroy,
        machine::{Slot, Slots, Step},
    },
};

use crate::{MemoryStore, data::Data, shard::Shard};

/// A sign-in with a cap, and what admits it.
pub(crate) struct Cap<'a> {
    principal: &'a Principal,
    cap: SessionCap,
}

impl<'a> Cap<'a> {
    /// The cap of a sign-in, if it has one.
    pub(crate) fn of(sign_in: Option<&'a SignIn>) -> Option<Self> {
        let sign_in = sign_in?;
        Some(Self { principal: sign_in.principal(), cap: sign_in.cap()? })
    }

    /// Under the lock of the session's shard: refuses the sign-in if it is one too many. `rehearse` does what is about
    /// to be done, to slots that are thrown away.
    pub(crate) fn admit<T>(
        &self,
        data: &Data,
        shard: &Shard,
        rehearse: impl FnOnce(&mut Rehearsal<'_>) -> Result<Step<T>, Error>,
    ) -> Result<(), Error> {
        let SessionCap::Refuse(most) = self.cap else { return Ok(()) };
        let step = rehearse(&mut Rehearsal { shard, puts: Vec::new() })?;
        let Some((_, to)) = step.arrived else { return Ok(()) };
        // The session itself may be this principal's already; it is not one more.
        let from = step.effect.map(|effect| effect.digest);
        let is_other = |digest: &IdDigest| *digest != to && Some(*digest) != from;
        let others = data.index.list(self.principal).iter().filter(|listed| is_other(&listed.digest)).count();
        if others < most {
            return Ok(());
        }
        let message = format!("the principal has {others} sessions already; at most {most} are allowed");
        Err(Error::new(ErrorKind::LimitExceeded, message))
    }
}

impl MemoryStore {
    /// Runs a sign-in, one at a time for a principal if it has a cap. `attempt` answers with the digest of a session
    /// that has just been signed in.
    pub(crate) fn sign_in<T>(
        &self,
        cap: Option<&Cap<'_>>,
        attempt: impl Fn() -> Result<(T, Option<IdDigest>), Error>,
    ) -> Result<T, Error> {
        let Some(Cap { principal, cap }) = cap else { return attempt().map(|(outcome, _)| outcome) };
        let _gate = self.data.index.gate(principal);
        match *cap {
            SessionCap::EndOldest(most) => {
                let destroy = Destroy::new(OpId::generate()?, EndReason::Limit);
                let (outcome, signed_in) = attempt()?;
                if let Some(newest) = signed_in {
                    self.end_oldest(principal, &newest, most.max(1), &destroy);
                }
                Ok(outcome)
            }
            _ => match attempt() {
                // Expired sessions were counted; without them there may be room.
                Err(_) if self.forget_expired(principal) => attempt(),
                answer => answer,
            }
            .map(|(outcome, _)| outcome),
        }
    }

    /// Ends the oldest sessions of a principal until there are at most so many, `newest` among them.
    fn end_oldest(&self, principal: &Principal, newest: &IdDigest, most: usize, destroy: &Destroy) {
        let excess = |store: &Self| {
            let mut list = store.data.index.list(principal);
            let excess = list.len().saturating_sub(most);
            list.retain(|listed| listed.digest != *newest);
            list.split_off(list.len().saturating_sub(excess))
        };
        if excess(self).is_empty() || (self.forget_expired(principal) && excess(self).is_empty()) {
            return;
        }
        // A session that moves so often meanwhile that its trail is lost escapes one round, and is found in the next.
        loop {
            let oldest = excess(self);
            if oldest.is_empty() {
                return;
            }
            for listed in oldest {
                self.revoke_at(principal, &listed.digest, destroy);
            }
        }
    }

    /// Removes the expired sessions of a principal; false if there was none.
    fn forget_expired(&self, principal: &Principal) -> bool {
        let mut any = false;
        for listed in self.data.index.list(principal) {
            let digest = &listed.digest;
            any |= self.data.on_session(digest, |shard, now| self.data.forget_ended(shard, now, digest));
        }
        any
    }
}

/// A shard on which a step is tried: what it puts is seen by that step alone.
pub(crate) struct Rehearsal<'s> {
    shard: &'s Shard,
    puts: Vec<(IdDigest, Slot)>,
}

impl Slots for Rehearsal<'_> {
    fn get(&self, id: &IdDigest) -> Option<&Slot> {
        let put = self.puts.iter().rev().find(|(digest, _)| digest == id);
        put.map(|(_, slot)| slot).or_else(|| self.shard.get(id))
    }

    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot> {
        let copy = self.get(id)?.clone();
        self.puts.push((*id, copy));
        self.puts.last_mut().map(|(_, slot)| slot)
    }

    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot> {
        let old = self.get(&id).cloned();
        self.puts.push((id, slot));
        old
    }
}
