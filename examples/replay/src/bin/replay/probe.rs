//! Measures the time from a commit on one node until another node serves it, while the traffic runs.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use session_core::{
    Clock as _, Error, ErrorKind, LoadOptions, SessionId, Sessions, SystemClock,
    model::{Delta, Field, Format, OpId, Value},
    store::{ApplyOutcome, LoadOutcome, SessionStore, Update},
};
use tokio::task::AbortHandle;

use crate::{
    backend::Backend,
    caching::{Cache, tiered_node},
    tally::Latencies,
};

/// The pause between two measurements.
const PAUSE: Duration = Duration::from_millis(20);

/// Two separate nodes, so that the probe's loads do not count in the hit rate: one that writes, and one with a local
/// cache, which receives all changes as the others do.
#[derive(Debug)]
pub(crate) struct Probe {
    task: AbortHandle,
    measured: Arc<Mutex<Latencies>>,
}

impl Probe {
    pub(crate) async fn start(backend: &Backend) -> Result<Self, Error> {
        let (writer, (_, reader)) = (backend.store().await?, tiered_node(backend).await?);
        let mut session = Sessions::new(writer.clone()).create()?;
        session.persist().await?;
        let (id, measured) = (*session.id(), Arc::new(Mutex::new(Latencies::new())));
        let into = measured.clone();
        let task = tokio::spawn(async move {
            // The probe ends with the first failure: if the store fails, the run reports it.
            while let Ok(latency) = measure(&*writer, &reader, &id).await {
                into.lock().unwrap_or_else(PoisonError::into_inner).record(latency);
                SystemClock.sleep(PAUSE).await;
            }
        });
        Ok(Self { task: task.abort_handle(), measured })
    }

    /// Stops measuring and returns the latencies.
    pub(crate) fn end(self) -> Latencies {
        self.task.abort();
        std::mem::replace(&mut *self.measured.lock().unwrap_or_else(PoisonError::into_inner), Latencies::new())
    }
}

/// The time counts from the acknowledgement, since before it no reader can expect to see the change.
#[expect(clippy::disallowed_methods, reason = "latencies are measured in real time")]
async fn measure(writer: &dyn SessionStore, reader: &Cache, id: &SessionId) -> Result<Duration, Error> {
    let mut delta = Delta::new();
    delta.set(Field::new("probe")?, Value::new(Format::BINCODE, b"1"));
    let ApplyOutcome::Applied(applied) = writer.apply(id, &Update::new(OpId::generate()?, delta)).await? else {
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

#[cfg(test)]
mod tests {
    use session_testkit::until;

    use super::*;
    use crate::args::Place;

    #[tokio::test]
    async fn the_probe_measures() {
        let backend = Backend::open(&Place::Memory).await.unwrap();
        let probe = Probe::start(&backend).await.unwrap();
        let count = || probe.measured.lock().unwrap().count();
        until("the probe has measured or failed", || async { (count() > 0 || probe.task.is_finished()).then_some(()) })
            .await;
        assert!(count() > 0);
    }
}
