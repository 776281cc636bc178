//! The reference machine behind one mutex: the shortest possible store.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use session_core::{
    Clock, Error, Limits, LoadOptions, ManualClock, SessionId,
    model::{IdDigest, OpId},
    store::{
        AcquireOutcome, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, FencingToken, LoadOutcome, NewSession,
        RotateOutcome, Rotation, SessionLock, SessionStore, TenureOutcome, TouchOptions, TouchOutcome, Update,
        async_trait,
        machine::{self, Rules, Slot, Slots},
    },
};

#[derive(Debug)]
pub(crate) struct MachineStore {
    rules: Rules,
    clock: ManualClock,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table(HashMap<IdDigest, Slot>);

impl Slots for Table {
    fn get(&self, id: &IdDigest) -> Option<&Slot> {
        self.0.get(id)
    }

    fn get_mut(&mut self, id: &IdDigest) -> Option<&mut Slot> {
        self.0.get_mut(id)
    }

    fn put(&mut self, id: IdDigest, slot: Slot) -> Option<Slot> {
        self.0.insert(id, slot)
    }
}

impl MachineStore {
    pub(crate) fn new(clock: ManualClock, limits: Limits, tombstone: Duration) -> Self {
        Self { rules: Rules { limits, tombstone, ..Rules::default() }, clock, table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap()
    }
}

#[async_trait]
impl SessionStore for MachineStore {
    fn backend(&self) -> &'static str {
        "machine"
    }

    fn limits(&self) -> Limits {
        self.rules.limits
    }

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        Ok(self.rules.create(&mut *self.table(), self.clock.now(), id.digest(), new)?.outcome)
    }

    async fn load(&self, id: &SessionId, options: LoadOptions) -> Result<LoadOutcome, Error> {
        Ok(machine::load(&*self.table(), self.clock.now(), id.digest(), options))
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        Ok(self.rules.apply(&mut *self.table(), self.clock.now(), id.digest(), update)?.outcome)
    }

    async fn touch(&self, id: &SessionId, options: TouchOptions) -> Result<TouchOutcome, Error> {
        Ok(machine::touch(&mut *self.table(), self.clock.now(), id.digest(), options))
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        Ok(self.rules.rotate(&mut *self.table(), self.clock.now(), id.digest(), rotation)?.outcome)
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        Ok(self.rules.destroy(&mut *self.table(), self.clock.now(), id.digest(), destroy).outcome)
    }

    async fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn lock(&self) -> Option<&dyn SessionLock> {
        Some(self)
    }
}

#[async_trait]
impl SessionLock for MachineStore {
    async fn acquire(&self, id: &SessionId, owner: OpId, lease: Duration) -> Result<AcquireOutcome, Error> {
        Ok(machine::acquire(&mut *self.table(), self.clock.now(), id.digest(), owner, lease))
    }

    async fn renew(&self, id: &SessionId, token: FencingToken, lease: Duration) -> Result<TenureOutcome, Error> {
        Ok(machine::renew_lock(&mut *self.table(), self.clock.now(), id.digest(), token, lease))
    }

    async fn release(&self, id: &SessionId, token: FencingToken) -> Result<TenureOutcome, Error> {
        Ok(machine::release(&mut *self.table(), self.clock.now(), id.digest(), token))
    }
}
