//! A backend of your own in one file: `cargo run --example custom_backend`.
//!
//! This backend keeps sessions in a `HashMap` behind a `Mutex`. The map implements [`Slots`], the reference machine
//! implements the contract, and the conformance suite checks the result. Any backend that keeps its sessions in its own
//! process can be built this way. A backend on a database implements the machine's rules in the language of its server,
//! since slots cannot be stored elsewhere, and runs the same suite. This one has none of the optional capabilities, so
//! the suite skips their cases.

use std::{
    collections::HashMap,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use session_conformance::{Capability, Harness, run_all};
use session_core::{
    Clock, Error, Limits, LoadOptions, ManualClock, SessionId, defaults,
    model::IdDigest,
    store::{
        ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, RotateOutcome, Rotation,
        SessionStore, TouchOptions, TouchOutcome, Update, async_trait,
        machine::{self, Rules, Slot, Slots},
    },
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

/// The backend. A clone is another handle to the same sessions.
#[derive(Clone, Debug)]
struct CustomStore {
    table: Arc<Mutex<Table>>,
    clock: Arc<dyn Clock>,
    rules: Rules,
}

impl CustomStore {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self { table: Arc::default(), clock, rules: Rules::default() }
    }

    /// Every operation is one function on the locked table; nothing is awaited under the lock. A real backend would
    /// also remove slots that have [ended](Slot::ends_at) from time to time.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SessionStore for CustomStore {
    fn backend(&self) -> &'static str {
        "custom"
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
}

/// The suite's access to the backend.
struct Custom;

impl Harness for Custom {
    type Backend = (CustomStore, ManualClock);

    async fn start(&self) -> Self::Backend {
        let clock = ManualClock::new();
        (CustomStore::new(Arc::new(clock.clone())), clock)
    }

    async fn node(&self, (store, _): &Self::Backend) -> Arc<dyn SessionStore> {
        Arc::new(store.clone())
    }

    async fn elapse(&self, (_, clock): &Self::Backend, time: Duration) {
        clock.advance(time);
    }

    fn tombstone(&self) -> Option<Duration> {
        Some(defaults::TOMBSTONE)
    }

    fn absent(&self) -> &[Capability] {
        &Capability::ALL
    }
}

fn main() -> ExitCode {
    let report = run_all(Custom);
    println!("{report}");
    if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
