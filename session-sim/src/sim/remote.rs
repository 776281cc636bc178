//! The store across the network, as a node sees it.

use std::sync::Arc;

use session_core::{
    Error, Limits, LoadOptions, SessionId,
    model::{Delta, IdDigest, OpId, Stamp, Timestamp},
    store::{
        ApplyOutcome, ChangeFeed, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, Origin,
        RotateOutcome, Rotation, SessionStore, TouchOptions, TouchOutcome, Update, async_trait,
        machine::{Rules, Step},
    },
};

use super::{
    Millis, Sim, StoreMistake, mistake,
    request::{Request, Work},
    server::TrackedSlots,
    settings::CALL_DEADLINE,
    time::server_time,
    world::Change,
};

/// A node's store without a cache: each operation is a request to a server.
#[derive(Clone, Debug)]
pub struct SimStore {
    pub(crate) sim: Sim,
    pub(crate) node: usize,
}

impl SimStore {
    pub(crate) fn own_origin(&self) -> Origin {
        Origin::from(self.node as u64 + 1)
    }

    async fn call<T: Send + 'static>(&self, id: &SessionId, write: bool, work: Work<T>) -> Result<(T, Millis), Error> {
        self.send(id, (write, false), work).await
    }

    async fn send<T: Send + 'static>(
        &self,
        id: &SessionId,
        (write, lingers): (bool, bool),
        work: Work<T>,
    ) -> Result<(T, Millis), Error> {
        Request { node: self.node, partition: id.digest().partition(), write, lingers }.call(&self.sim, work).await
    }

    /// Executes a step of the machine at the server that receives the request.
    async fn step<T: Send + 'static>(
        &self,
        id: &SessionId,
        (op, delta): (OpId, Option<Delta>),
        step: impl Fn(&Rules, &mut TrackedSlots<'_>, Timestamp, &IdDigest) -> Result<Step<T>, Error> + Send + Sync + 'static,
    ) -> Result<(T, Millis), Error> {
        self.call(id, true, self.work(id, (op, delta, None), step)).await
    }

    /// The work of a step. Executing it after `until` is the violation `late_update`.
    fn work<T: Send + 'static>(
        &self,
        id: &SessionId,
        (op, delta, until): (OpId, Option<Delta>, Option<Millis>),
        step: impl Fn(&Rules, &mut TrackedSlots<'_>, Timestamp, &IdDigest) -> Result<Step<T>, Error> + Send + Sync + 'static,
    ) -> Work<T> {
        let (origin, digest) = (self.own_origin(), *id.digest());
        Arc::new(move |world, server| {
            let change = Change { origin, partition: digest.partition(), delta: delta.as_ref(), op, until };
            world.mutate(server, &change, |rules, slots, now| step(rules, slots, now, &digest))
        })
    }

    /// The store has answered this node: the answer was true at some moment after the request was sent.
    fn asked(&self, digests: &[&IdDigest], stamp: Option<Stamp>, sent: Millis) {
        self.sim.with(|world| world.oracle.asked.note(self.node, digests, stamp, (sent, world.now)));
    }
}

#[async_trait]
impl SessionStore for SimStore {
    fn backend(&self) -> &'static str {
        "simulated"
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let request = new.clone();
        let step = self.step(id, (new.write.op, Some(new.entries.clone())), move |rules, slots, now, digest| {
            rules.create(slots, now, digest, &request)
        });
        let (outcome, sent) = step.await?;
        if let CreateOutcome::Created(applied) = &outcome {
            self.asked(&[id.digest()], Some(applied.stamp), sent);
        }
        Ok(outcome)
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        let digest = *id.digest();
        let work: Work<LoadOutcome> = Arc::new(move |world, server| Ok(world.load(server, &digest, options)));
        let (outcome, sent) = self.call(id, false, work).await?;
        let stamp = match &outcome {
            LoadOutcome::Found(found) => Some(found.record.stamp()),
            LoadOutcome::Unchanged(_) => options.known,
            _ => None,
        };
        self.asked(&[id.digest()], stamp, sent);
        Ok(outcome)
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        let until = self.sim.now() + CALL_DEADLINE;
        let mut request = update.clone();
        if !self.sim.with(|world| world.makes(StoreMistake::AppliesLateUpdates)) {
            request.not_after = Some(server_time(until));
        }
        let effect = (update.write.op, Some(update.delta.clone()), Some(until));
        let work = self.work(id, effect, move |rules, slots, now, digest| rules.apply(slots, now, digest, &request));
        let (outcome, sent) = self.send(id, (true, true), work).await?;
        if let ApplyOutcome::Applied(applied) = &outcome {
            self.asked(&[id.digest()], Some(applied.stamp), sent);
        }
        Ok(outcome)
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        let digest = *id.digest();
        let work: Work<TouchOutcome> = Arc::new(move |world, server| Ok(world.touch(server, &digest, options.clone())));
        self.call(id, true, work).await.map(|(outcome, _)| outcome)
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let (request, mistake) = (rotation.clone(), self.sim.with(|world| world.mistake));
        let step =
            self.step(id, (rotation.write.op, Some(rotation.delta.clone())), move |rules, slots, now, digest| {
                mistake::rotate(mistake, rules, slots, (now, digest), &request)
            });
        let (outcome, sent) = step.await?;
        if let RotateOutcome::Rotated(applied) = &outcome {
            self.asked(&[id.digest(), rotation.to.digest()], Some(applied.stamp), sent);
        }
        Ok(outcome)
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        let request = *destroy;
        let step = self.step(id, (destroy.write.op, None), move |rules, slots, now, digest| {
            Ok(rules.destroy(slots, now, digest, &request))
        });
        let (outcome, sent) = step.await?;
        self.asked(&[id.digest()], None, sent);
        Ok(outcome)
    }

    async fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn feed(&self) -> Option<&dyn ChangeFeed> {
        Some(self)
    }
}
