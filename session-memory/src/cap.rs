//! Sign-ins under a cap on the number of sessions of their principal.

use session_core::{
    Error, ErrorKind, Principal, SessionCap, SignIn,
    model::{EndReason, IdDigest, OpId},
    store::{
        Destroy,
        machine::{Slot, Slots, Step},
    },
};

use crate::{MemoryStore, data::Data, shard::Shard};

/// The cap of a sign-in, and the check that admits it.
pub(crate) struct Cap<'a> {
    principal: &'a Principal,
    cap: SessionCap,
}

/// The sessions of a sign-in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SignedIn {
    /// The session that has just been signed in. `None` after a repeat.
    pub(crate) newest: Option<IdDigest>,
    /// The session that it has copied.
    pub(crate) copied: Option<IdDigest>,
}

impl<'a> Cap<'a> {
    /// The cap of a sign-in, if it has one.
    pub(crate) fn of(sign_in: Option<&'a SignIn>) -> Option<Self> {
        let sign_in = sign_in?;
        Some(Self { principal: sign_in.principal(), cap: sign_in.cap()? })
    }

    /// Refuses the sign-in if it would exceed the cap. The caller holds the lock of the session's shard. `dry_run`
    /// performs the step on slots that are discarded afterwards.
    pub(crate) fn admit<T>(
        &self,
        data: &Data,
        shard: &Shard,
        dry_run: impl FnOnce(&mut DryRun<'_>) -> Result<Step<T>, Error>,
    ) -> Result<(), Error> {
        let SessionCap::Refuse(most) = self.cap else { return Ok(()) };
        let step = dry_run(&mut DryRun::on(shard))?;
        let Some((_, to)) = step.index_addition else { return Ok(()) };
        // The session itself may belong to this principal already; then it is not an additional one. Nor is one that the
        // sign-in copies: it ends that one.
        let from = step.effect.map(|effect| effect.digest).or(step.copied);
        let is_other = |digest: &IdDigest| *digest != to && Some(*digest) != from;
        let others = data.index.list(self.principal).iter().filter(|entry| is_other(&entry.digest)).count();
        if others < most {
            return Ok(());
        }
        let message = format!("the principal has {others} sessions already; at most {most} are allowed");
        Err(Error::new(ErrorKind::LimitExceeded, message))
    }
}

impl MemoryStore {
    /// Runs a sign-in. Sign-ins under a cap run one at a time for each principal.
    pub(crate) fn sign_in<T>(
        &self,
        cap: Option<&Cap<'_>>,
        attempt: impl Fn() -> Result<(T, SignedIn), Error>,
    ) -> Result<T, Error> {
        let Some(Cap { principal, cap }) = cap else { return attempt().map(|(outcome, _)| outcome) };
        let _guard = self.data.index.sign_in_lock(principal);
        match *cap {
            SessionCap::EndOldest(most) => {
                let destroy = Destroy::new(OpId::generate()?, EndReason::Limit);
                let (outcome, SignedIn { newest, .. }) = attempt()?;
                if let Some(newest) = newest {
                    self.end_oldest(principal, &newest, most.max(1), &destroy);
                }
                Ok(outcome)
            }
            _ => {
                let (outcome, SignedIn { copied, .. }) = match attempt() {
                    // Expired sessions were counted. Once they are removed, the sign-in may fit.
                    Err(_) if self.remove_expired(principal) => attempt(),
                    answer => answer,
                }?;
                if let (SessionCap::Refuse(most), Some(copied)) = (*cap, copied) {
                    self.end_copied(principal, &copied, most)?;
                }
                Ok(outcome)
            }
        }
    }

    /// Ends the session that a sign-in has copied, if the principal now has more sessions than `most`.
    fn end_copied(&self, principal: &Principal, copied: &IdDigest, most: usize) -> Result<(), Error> {
        if self.data.index.list(principal).len() > most.max(1) {
            self.revoke_at(principal, copied, &Destroy::new(OpId::generate()?, EndReason::Limit));
        }
        Ok(())
    }

    /// Ends the oldest sessions of a principal until at most `most` are left, `newest` among them.
    fn end_oldest(&self, principal: &Principal, newest: &IdDigest, most: usize, destroy: &Destroy) {
        if self.data.index.count(principal) <= most {
            return;
        }
        let excess = |store: &Self| {
            let mut list = store.data.index.list(principal);
            let excess = list.len().saturating_sub(most);
            list.retain(|entry| entry.digest != *newest);
            list.split_off(list.len().saturating_sub(excess))
        };
        if excess(self).is_empty() || (self.remove_expired(principal) && excess(self).is_empty()) {
            return;
        }
        // A session that moves several times meanwhile can escape one round, because its forwards are gone; the next
        // round finds it.
        loop {
            let oldest = excess(self);
            if oldest.is_empty() {
                return;
            }
            for entry in oldest {
                self.revoke_at(principal, &entry.digest, destroy);
            }
        }
    }

    /// Removes the expired sessions of a principal. Returns false if there were none.
    fn remove_expired(&self, principal: &Principal) -> bool {
        let mut any = false;
        for entry in self.data.index.list(principal) {
            let digest = &entry.digest;
            any |= self.data.with_shard_of(digest, |shard, now| self.data.remove_ended(shard, now, digest));
        }
        any
    }
}

/// A shard on which a step is tried. The slots that the step writes are visible to that step only.
pub(crate) struct DryRun<'s> {
    shard: &'s Shard,
    written: Vec<(IdDigest, Slot)>,
}

impl<'s> DryRun<'s> {
    pub(crate) fn on(shard: &'s Shard) -> Self {
        Self { shard, written: Vec::new() }
    }
}

impl Slots for DryRun<'_> {
    fn get(&self, id: &IdDigest) -> Option<&Slot> {
        let found = self.written.iter().rev().find(|(digest, _)| digest == id);
        found.map(|(_, slot)| slot).or_else(|| self.shard.get(id))
    }

    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot> {
        let copy = self.get(id)?.clone();
        self.written.push((*id, copy));
        self.written.last_mut().map(|(_, slot)| slot)
    }

    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot> {
        let old = self.get(&id).cloned();
        self.written.push((id, slot));
        old
    }
}
