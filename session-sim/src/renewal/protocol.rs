//! The rules of the store: how it handles each request.

use super::{
    Mistake, Renewals,
    state::{First, Id, Session, Slot, State, writer},
};

impl Renewals {
    /// A write or a touch. The first use of a new id confirms its renewal.
    pub(super) fn used(&self, state: &mut State, id: Id) {
        let at = state.locate(id);
        let Some(session) = state.session(at) else { return };
        session.entries |= writer(session.principal);
        let old = session.renews.filter(|_| id == at);
        if id == at || self.makes(Mistake::ConfirmByTheOldId) {
            self.confirm(state, at);
        }
        state.outlived.extend(old.map(|old| (old, 0)));
    }

    /// A read, which confirms nothing.
    pub(super) fn look(&self, state: &mut State, id: Id) {
        if self.makes(Mistake::ConfirmByReading) {
            self.confirm(state, id);
        }
    }

    /// From now on the old id forwards for the grace.
    fn confirm(&self, state: &mut State, at: Id) {
        let grace = self.bounds.grace;
        let Some(session) = state.session(at) else { return };
        let Some(old) = session.renews.take() else { return };
        session.refused = grace;
        if let Slot::Forward { to, left, .. } = &mut state.slots[old]
            && *to == at
        {
            *left = (!self.makes(Mistake::ForwardOutlivesTheGrace)).then_some(grace);
        }
    }

    /// A renewal. An unconfirmed id gives no access any more, and the requested one forwards to the newest.
    pub(super) fn renew(&self, state: &mut State, id: Id) {
        let (at, to) = (state.locate(id), state.slots.len());
        let Some(session) = state.session(at).copied() else { return };
        if session.refused > 0 && !self.makes(Mistake::RenewsDuringTheGrace) {
            return;
        }
        state.slots.push(Slot::Live(Session { renews: Some(id), refused: self.bounds.grace, ..session }));
        state.slots[at] = if self.makes(Mistake::KeepsTheUnusedId) {
            Slot::Forward { to, gives_access: true, left: None }
        } else {
            self.superseded(to)
        };
        let left = self.makes(Mistake::ForwardEndsWithTheGrace).then_some(self.bounds.grace);
        state.slots[id] = Slot::Forward { to, gives_access: true, left };
        state.responses.push((to, 0));
    }

    /// A slot that gives no access, and is recognised for the grace.
    fn superseded(&self, to: Id) -> Slot {
        Slot::Forward { to, gives_access: false, left: Some(self.bounds.grace) }
    }

    /// A sign-in, whatever the state of its old id is.
    pub(super) fn sign_in(&self, state: &mut State, id: Id, principal: u8) {
        state.sign_ins += 1;
        let (at, to) = (state.locate(id), state.slots.len());
        let (entries, moves) = match state.slots[at] {
            Slot::Live(session) if session.principal.is_none_or(|other| other == principal) => (session.entries, true),
            Slot::Live(session) if self.makes(Mistake::CopiesAnotherPrincipal) => (session.entries, false),
            Slot::Live(_) => (0, false),
            _ if self.makes(Mistake::SignInNeedsItsOldId) => return state.met.refused = true,
            _ => (self.copied_entries(state, id, principal).unwrap_or_default(), false),
        };
        judge(state, id, (principal, entries));
        if let Slot::Live(_) = state.slots[at] {
            leave(state, at);
            state.slots[at] = self.superseded(to);
        }
        let session = Session { principal: Some(principal), entries, recent: self.bounds.grace, ..Session::default() };
        state.slots.push(Slot::Live(session));
        if moves {
            state.firsts.push(First { via: id, principal, to, left: self.bounds.grace });
        }
        state.responses.push((to, 0));
    }

    /// The entries of a session of the same principal that the id leads to, if its sign-in is recent.
    fn copied_entries(&self, state: &State, id: Id, principal: u8) -> Option<u8> {
        let mut at = id;
        while let Slot::Forward { to, .. } = state.slots[at] {
            at = to;
        }
        match state.slots[at] {
            Slot::Live(session) if session.principal == Some(principal) && session.recent > 0 => {
                (!self.makes(Mistake::SecondSignInStartsEmpty)).then_some(session.entries)
            }
            _ => None,
        }
    }

    /// The user signs out.
    pub(super) fn sign_out(&self, state: &mut State) {
        let at = state.locate(state.cookie);
        if let Slot::Live(_) = state.slots[at] {
            leave(state, at);
            state.slots[at] = Slot::Gone;
        }
    }

    /// A tick. Slots without ticks left end.
    pub(super) fn tick(&self, state: &mut State) {
        for slot in &mut state.slots {
            match slot {
                Slot::Live(session) => {
                    session.recent = session.recent.saturating_sub(1);
                    session.refused = session.refused.saturating_sub(1);
                }
                Slot::Forward { left: Some(left), .. } if *left > 1 => *left -= 1,
                Slot::Forward { left: Some(_), .. } => *slot = Slot::Gone,
                Slot::Forward { .. } | Slot::Gone => {}
            }
        }
        state.firsts.iter_mut().for_each(|first| first.left -= 1);
        state.firsts.retain(|first| first.left > 0);
        state.outlived.values_mut().for_each(|age| *age = self.bounds.grace.min(*age + 1));
        let flight = self.bounds.flight;
        state.slow = state.slow.map(|(id, age)| (id, age + 1)).filter(|(_, age)| *age < flight);
        state.responses.iter_mut().for_each(|(_, age)| *age += 1);
        state.responses.retain(|(_, age)| *age < flight);
    }
}

/// Truth: the session at this id, with all of its ids, is left on purpose.
fn leave(state: &mut State, at: Id) {
    let ids: Vec<Id> = (0..state.slots.len()).filter(|id| state.locate(*id) == at).collect();
    state.ended.extend(ids);
}

/// Truth: whether the new session has the entries that it must have, and no others.
fn judge(state: &mut State, id: Id, (principal, entries): (u8, u8)) {
    state.met.foreign |= entries & !(writer(None) | writer(Some(principal))) != 0;
    let mut firsts = state.firsts.iter().filter(|first| first.via == id && first.principal == principal);
    let is_incomplete = |first: &First| state.find(first.to).is_some_and(|session| session.entries & !entries != 0);
    state.met.empty |= firsts.any(is_incomplete);
}
