//! How long it takes a commit on one node to be served by another, while the traffic runs.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use session_core::{
    Clock as _, Error, ErrorKind, LoadOptions, SessionId, Sessions, SystemClock,
    model::{Delta, Field, Format, Value},
    store::{ApplyOutcome, LoadOutcome, SessionStore, SessionStoreExt as _},
};
use tokio::task::AbortHandle;

use crate::{
    backend::{Backend, Cache},
    tally::Latencies,
};

/// Between two measurements.
const PAUSE: Duration = Duration::from_millis(20);

/// Two nodes of its own, so that its loads are in nobody's hit rate: one that writes, and one with a local cache, which
/// hears of everything as the others do.
#[derive(Debug)]
pub(crate) struct Probe {
    task: AbortHandle,
    measured: Arc<Mutex<Latencies>>,
}

impl Probe {
    pub(crate) async fn start(backend: &Backend) -> Result<Self, Error> {
        let (writer, (_, reader)) = (backend.store().await?, backend.tiered_node().await?);
        let mut session = Sessions::new(writer.clone()).create()?;
        session.commit().await?;
        let (id, measured) = (*session.id(), Arc::new(Mutex::new(Latencies::new())));
        let into = measured.clone();
        let task = tokio::spawn(async move {
            // It ends with the first failure: if the store fails, the run says so.
            while let Ok(latency) = measure(&*writer, &reader, &id).await {
                into.lock().unwrap_or_else(PoisonError::into_inner).record(latency);
                SystemClock.sleep(PAUSE).await;
            }
        });
        Ok(Self { task: task.abort_handle(), measured })
    }

    /// What was measured.
    pub(crate) fn end(self) -> Latencies {
        self.task.abort();
        std::mem::replace(&mut *self.measured.lock().unwrap_or_else(PoisonError::into_inner), Latencies::new())
    }
}

/// From the acknowledgement on: before it, nobody can expect to see the change.
#[expect(clippy::disallowed_methods, reason = "latencies are measured in real time")]
async fn measure(writer: &dyn SessionStore, reader: &Cache, id: &SessionId) -> Result<Duration, Error> {
    let mut delta = Delta::new();
    delta.set(Field::new("probe")?, Value::new(Format::BINCODE, b"1"));
    let ApplyOutcome::Applied(applied) = writer.update(id, delta).await? else {
        return Err(Error::new(ErrorKind::NotFound, "the session of the probe is gone"));
    };
    let acknowledged = Instant::now();
    loop {
        if let LoadOutcome::Found(found) = reader.load(id, LoadOptions::default()).await?
            && found.record.stamp().version() >= applied.stamp.version()
        {
            return Ok(acknowledged.elapsed());
        }
        tokio::task::yield_now().await;
    }
}
