//! Writers that continue through faults.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use session_redis::RedisStore;
use session_testkit::PATIENCE;
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::{
    ledger::{Ledger, Trouble},
    within,
};

/// Each session has its own writer, which sends one update after another.
pub(crate) struct Load {
    phase: Arc<AtomicU32>,
    stop: watch::Sender<bool>,
    /// The number of acknowledged updates of each writer.
    progress: Vec<(watch::Receiver<u64>, Trouble)>,
    store: RedisStore,
    writers: Vec<JoinHandle<Ledger>>,
}

impl Load {
    pub(crate) fn start(store: &RedisStore, ledgers: Vec<Ledger>) -> Self {
        let (phase, stop) = (Arc::new(AtomicU32::new(0)), watch::Sender::new(false));
        let (mut progress, mut writers) = (Vec::new(), Vec::new());
        for ledger in ledgers {
            let (tell, acknowledged) = watch::channel(0);
            progress.push((acknowledged, ledger.trouble()));
            writers.push(tokio::spawn(write(store.clone(), ledger, phase.clone(), stop.subscribe(), tell)));
        }
        Self { phase, stop, progress, store: store.clone(), writers }
    }

    /// Begins another phase, and returns its number.
    pub(crate) fn next_phase(&self) -> u32 {
        self.phase.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Waits until each writer has had this many more updates acknowledged.
    pub(crate) async fn go_on(&self, more: u64) {
        let marks: Vec<_> =
            self.progress.iter().map(|(acknowledged, _)| (*acknowledged.borrow(), acknowledged.clone())).collect();
        let all = async {
            for (from, mut acknowledged) in marks {
                let is_there = acknowledged.wait_for(|now| *now >= from + more).await;
                assert!(is_there.is_ok(), "a writer has panicked");
            }
        };
        if timeout(PATIENCE, all).await.is_err() {
            panic!("waited in vain until all writers go on: {:#?} {:?}", self.progress, self.store.stats());
        }
    }

    /// Lets each writer finish its update.
    pub(crate) async fn stop(self) -> Vec<Ledger> {
        self.stop.send_replace(true);
        let mut ledgers = Vec::new();
        for writer in self.writers {
            match within("a writer ends", writer).await {
                Ok(ledger) => ledgers.push(ledger),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        ledgers
    }
}

async fn write(
    store: RedisStore,
    mut ledger: Ledger,
    phase: Arc<AtomicU32>,
    stop: watch::Receiver<bool>,
    tell: watch::Sender<u64>,
) -> Ledger {
    while !*stop.borrow() {
        let phase = phase.load(Ordering::SeqCst);
        if ledger.write(&store, phase).await {
            tell.send_modify(|acknowledged| *acknowledged += 1);
        } else {
            // The refusal was immediate: repeating it without a pause would only slow down the failover.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    ledger
}
