//! Stands in until the memory store is here.
use async_trait::async_trait;
use session_core::{
    machine::{self, Rules, Slot, Slots},
    *,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

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
#[derive(Debug, Clone)]
pub(crate) struct DevStore {
    rules: Rules,
    tables: Arc<Vec<Mutex<Table>>>,
}
impl DevStore {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { rules: Rules::default().limits(limits), tables: Arc::new((0..64).map(|_| Mutex::default()).collect()) }
    }
    fn with<T>(&self, id: &SessionId, f: impl FnOnce(&mut Table, Timestamp, &IdDigest) -> T) -> T {
        let digest = id.digest();
        let mut table = self.tables[digest.partition() as usize % 64].lock().unwrap_or_else(PoisonError::into_inner);
        f(&mut table, SystemClock.now(), digest)
    }
}
#[async_trait]
impl SessionStore for DevStore {
    fn backend(&self) -> &'static str {
        "dev"
    }
    fn limits(&self) -> Limits {
        self.rules.limits
    }
    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        self.with(id, |t, now, id| self.rules.create(t, now, id, new)).map(|s| s.outcome)
    }
    async fn load(&self, id: &SessionId, o: LoadOptions) -> Result<LoadOutcome, Error> {
        Ok(self.with(id, |t, now, id| machine::load(t, now, id, o)))
    }
    async fn apply(&self, id: &SessionId, u: &Update) -> Result<ApplyOutcome, Error> {
        self.with(id, |t, now, id| self.rules.apply(t, now, id, u)).map(|s| s.outcome)
    }
    async fn touch(&self, id: &SessionId, o: TouchOptions) -> Result<TouchOutcome, Error> {
        Ok(self.with(id, |t, now, id| machine::touch(t, now, id, o)))
    }
    async fn rotate(&self, id: &SessionId, r: &Rotation) -> Result<RotateOutcome, Error> {
        self.with(id, |t, now, id| self.rules.rotate(t, now, id, r)).map(|s| s.outcome)
    }
    async fn destroy(&self, id: &SessionId, d: &Destroy) -> Result<DestroyOutcome, Error> {
        Ok(self.with(id, |t, now, id| self.rules.destroy(t, now, id, d)).outcome)
    }
    async fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}
