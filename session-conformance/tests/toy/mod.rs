//! A store with every capability in the fewest lines: one table behind one mutex, changed by the reference machine.

mod feed;
mod queue;
mod table;

use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use session_conformance::Harness;
use session_core::{
    Clock, Error, ErrorKind, Limits, LoadOptions, ManualClock, Principal, SessionCap, SessionId, SignIn, defaults,
    model::{EndReason, IdDigest, OpId, Timestamp},
    store::{
        Absent, AcquireOutcome, ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, FencingToken,
        IndexedSession, LoadOutcome, NewSession, Origin, RevocationId, RevokedAll, RotateOutcome, Rotation,
        SessionIndex, SessionLock, SessionStore, TenureOutcome, TouchOptions, TouchOutcome, Update, async_trait,
        machine::{self, Rules, Step},
    },
};

pub(crate) use table::Table;

/// The handle of one node.
#[derive(Clone, Debug)]
pub(crate) struct Toy {
    table: Arc<Mutex<Table>>,
    clock: ManualClock,
    rules: Rules,
    origin: Origin,
}

impl Toy {
    pub(crate) fn new(clock: ManualClock, limits: Limits) -> Self {
        let rules = Rules { limits, indexed: true, ..Rules::default() };
        Self { table: Arc::default(), clock, rules, origin: Origin::generate().unwrap() }
    }

    /// The handle of another node on the same table.
    pub(crate) fn node(&self) -> Self {
        Self { origin: Origin::generate().unwrap(), ..self.clone() }
    }

    /// The locked table and the time, for deliberately broken stores.
    pub(crate) fn table(&self) -> (MutexGuard<'_, Table>, Timestamp) {
        (self.table.lock().unwrap_or_else(PoisonError::into_inner), self.clock.now())
    }

    /// Makes room under a cap for one more session of this principal, which is or will be at its `own` digests.
    fn admit(
        &self,
        table: &mut Table,
        now: Timestamp,
        own: &[IdDigest],
        sign_in: Option<&SignIn>,
    ) -> Result<Vec<IdDigest>, Error> {
        if let Some(sign_in) = sign_in
            && let Some(known) = sign_in.last_revocation()
            && known != table.revocations.get(sign_in.principal()).copied().unwrap_or_default()
        {
            return Err(Error::new(ErrorKind::Conflict, "the principal's sessions were revoked"));
        }
        let Some((sign_in, cap)) = sign_in.and_then(|sign_in| Some((sign_in, sign_in.cap()?))) else {
            return Ok(Vec::new());
        };
        let mut others = table.sessions(now, sign_in.principal());
        others.retain(|session| !own.contains(&session.digest));
        match cap {
            SessionCap::Refuse(most) if others.len() >= most => {
                Err(Error::new(ErrorKind::LimitExceeded, "the principal has too many sessions"))
            }
            SessionCap::EndOldest(most) => {
                Ok(others.split_off(others.len().min(most.saturating_sub(1))).iter().map(|it| it.digest).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn publish<T>(&self, table: &mut Table, step: Step<T>, delta: Option<&session_core::model::Delta>) -> T {
        if let Some(effect) = &step.effect {
            table.publish(self.origin, effect, delta.filter(|_| effect.after.is_some()));
        }
        if let Some(start) = &step.start {
            table.publish(self.origin, start, None);
        }
        step.outcome
    }

    /// Ends the session whose entries a sign-in has copied, if the principal now has one more than its cap.
    fn end_copied(
        &self,
        table: &mut Table,
        now: Timestamp,
        copied: IdDigest,
        rotation: &Rotation,
    ) -> Result<(), Error> {
        let Some(sign_in) = &rotation.sign_in else { return Ok(()) };
        let sessions = table.sessions(now, sign_in.principal());
        if let Some(SessionCap::Refuse(most)) = sign_in.cap()
            && sessions.len() > most.max(1)
        {
            self.end(table, now, &copied, EndReason::Limit)?;
        }
        Ok(())
    }

    fn end(&self, table: &mut Table, now: Timestamp, id: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let step = self.rules.destroy(table, now, id, &Destroy::new(OpId::generate()?, reason));
        Ok(matches!(self.publish(table, step, None), DestroyOutcome::Destroyed { .. }))
    }
}

#[async_trait]
impl SessionStore for Toy {
    fn backend(&self) -> &'static str {
        "toy"
    }

    fn limits(&self) -> Limits {
        self.rules.limits
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let (mut table, now) = self.table();
        let unused = matches!(
            machine::load(&*table, now, id.digest(), LoadOptions::default()),
            LoadOutcome::Absent(Absent::NotFound(None))
        );
        let excess =
            if unused { self.admit(&mut table, now, &[*id.digest()], new.sign_in.as_ref())? } else { Vec::new() };
        let step = self.rules.create(&mut *table, now, id.digest(), new)?;
        for oldest in excess {
            self.end(&mut table, now, &oldest, EndReason::Limit)?;
        }
        Ok(self.publish(&mut table, step, Some(&new.entries)))
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        let (table, now) = self.table();
        Ok(machine::load(&*table, now, id.digest(), options))
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let (mut table, now) = self.table();
        let step = self.rules.apply(&mut *table, now, id.digest(), update)?;
        Ok(self.publish(&mut table, step, update.announced_delta()))
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        let (mut table, now) = self.table();
        Ok(machine::touch(&mut *table, now, id.digest(), options))
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let (mut table, now) = self.table();
        // A repeat adds no session.
        let arrived =
            matches!(machine::load(&*table, now, rotation.to.digest(), LoadOptions::default()), LoadOutcome::Found(_));
        let trial = self.rules.rotate(&mut table.copy_of_slots(), now, id.digest(), rotation)?;
        let own = trial.copied.or(trial.effect.map(|effect| effect.digest)).unwrap_or(*id.digest());
        let excess = if !arrived {
            self.admit(&mut table, now, &[own, *rotation.to.digest()], rotation.sign_in.as_ref())?
        } else {
            Vec::new()
        };
        let step = self.rules.rotate(&mut *table, now, id.digest(), rotation)?;
        if matches!(&step.outcome, RotateOutcome::Rotated(applied) if !applied.repeated) {
            for oldest in excess {
                self.end(&mut table, now, &oldest, EndReason::Limit)?;
            }
            if let Some(copied) = step.copied {
                self.end_copied(&mut table, now, copied, rotation)?;
            }
        }
        Ok(self.publish(&mut table, step, Some(&rotation.delta)))
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        let (mut table, now) = self.table();
        let step = self.rules.destroy(&mut *table, now, id.digest(), destroy);
        Ok(self.publish(&mut table, step, None))
    }

    async fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn index(&self) -> Option<&dyn SessionIndex> {
        Some(self)
    }

    fn lock(&self) -> Option<&dyn SessionLock> {
        Some(self)
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        Some(self)
    }
}

#[async_trait]
impl SessionIndex for Toy {
    async fn sessions(&self, principal: &Principal, limit: usize) -> Result<Vec<IndexedSession>, Error> {
        let (table, now) = self.table();
        let mut sessions = table.sessions(now, principal);
        sessions.truncate(limit);
        Ok(sessions)
    }

    async fn last_revocation(&self, principal: &Principal) -> Result<RevocationId, Error> {
        Ok(self.table().0.revocations.get(principal).copied().unwrap_or_default())
    }

    async fn revoke(&self, principal: &Principal, session: &IdDigest, reason: EndReason) -> Result<bool, Error> {
        let (mut table, now) = self.table();
        if machine::follow(&*table, now, session).is_none() {
            return Ok(false);
        }
        let destroy = Destroy::new(OpId::generate()?, reason);
        let step = self.rules.revoke(&mut *table, now, (principal, session), &destroy);
        Ok(self.publish(&mut table, step, None))
    }

    async fn revoke_all(
        &self,
        principal: &Principal,
        except: Option<&SessionId>,
        reason: EndReason,
    ) -> Result<RevokedAll, Error> {
        let (mut table, now) = self.table();
        table.revocations.insert(principal.clone(), RevocationId::from(u64::from(OpId::generate()?).max(1)));
        let kept = except.map(|id| table.follow_forward(now, id.digest()));
        let mut ended = Vec::new();
        for session in table.sessions(now, principal) {
            if Some(session.digest) != kept && self.end(&mut table, now, &session.digest, reason)? {
                ended.push(session.digest);
            }
        }
        Ok(RevokedAll { ended, left: 0 })
    }
}

#[async_trait]
impl SessionLock for Toy {
    async fn acquire(&self, id: &SessionId, owner: OpId, lease: Duration) -> Result<AcquireOutcome, Error> {
        let (mut table, now) = self.table();
        Ok(machine::acquire(&mut *table, now, id.digest(), owner, lease))
    }

    async fn renew(&self, id: &SessionId, token: FencingToken, lease: Duration) -> Result<TenureOutcome, Error> {
        let (mut table, now) = self.table();
        Ok(machine::renew_lock(&mut *table, now, id.digest(), token, lease))
    }

    async fn release(&self, id: &SessionId, token: FencingToken) -> Result<TenureOutcome, Error> {
        let (mut table, now) = self.table();
        Ok(machine::release(&mut *table, now, id.digest(), token))
    }
}

/// The harness of the toy store. Its limits are low, so that cases reach them quickly.
#[derive(Debug)]
pub(crate) struct ToyHarness;

impl ToyHarness {
    pub(crate) fn limits() -> Limits {
        Limits { max_entries: 2_000, max_value_bytes: 4_096, max_session_bytes: 65_536 }
    }
}

impl Harness for ToyHarness {
    type Backend = (Toy, ManualClock);

    async fn start(&self) -> Self::Backend {
        let clock = ManualClock::new();
        (Toy::new(clock.clone(), Self::limits()), clock)
    }

    async fn node(&self, (toy, _): &Self::Backend) -> Arc<dyn SessionStore> {
        Arc::new(toy.node())
    }

    fn elapse(&self, (_, clock): &Self::Backend, time: Duration) -> impl Future<Output = ()> + Send {
        clock.advance(time);
        async {}
    }

    fn tombstone(&self) -> Option<Duration> {
        Some(defaults::TOMBSTONE)
    }
}
