//! Writers that know exactly what they have done.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use session_core::{
    Error, Expiry, SessionId,
    model::{Delta, Record, Stamp},
    store::{Absent, ApplyOutcome, LoadOutcome, NewSession, SessionStore, Update},
};
use session_redis::RedisStore;
use tokio::{sync::watch, task::JoinSet};

use crate::rig::{create, field, guarded, key, load, op, set, value};

/// A session and its only writer. Update n inserts the entry n. So the entries show which updates a state contains, the
/// version how many were applied, and the stamp in which order.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) id: SessionId,
    number: usize,
    /// The stamps of all acknowledged states, the first at index 0.
    acknowledged: Vec<Stamp>,
    /// The update that was sent and not acknowledged yet.
    pending: Option<Update>,
    /// The number of updates that an attempt had applied whose answer was lost.
    repeats: usize,
}

impl Writer {
    pub(crate) async fn begin(store: &RedisStore, number: usize) -> Self {
        let new = NewSession {
            entries: set("writer", &number.to_string()),
            ..NewSession::generate(Expiry::default()).unwrap()
        };
        let (id, stamp) = create(store, &new).await;
        Self { id, number, acknowledged: vec![stamp], pending: None, repeats: 0 }
    }

    pub(crate) async fn crowd(store: &RedisStore, count: usize) -> Vec<Self> {
        let mut crowd = Vec::new();
        for number in 0..count {
            crowd.push(Self::begin(store, number).await);
        }
        crowd
    }

    /// The number of acknowledged updates.
    pub(crate) fn done(&self) -> usize {
        self.acknowledged.len() - 1
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.acknowledged[self.done()]
    }

    fn delta(&self) -> Delta {
        let mut delta = Delta::new();
        delta.insert(field("log"), key(&(self.done() + 1).to_string()), value("done"));
        delta
    }

    /// Sends the next update, or repeats the one whose outcome is unknown. If the future is dropped, the outcome is
    /// unknown.
    pub(crate) async fn step(&mut self, store: &RedisStore) -> Result<(), Error> {
        let update = match &self.pending {
            Some(pending) => Update { retry_from: Some(self.stamp()), ..pending.clone() },
            None => Update::new(op(), self.delta()),
        };
        let after = self.stamp().next(update.write.op);
        self.pending = Some(update.clone());
        match store.apply(&self.id, &update).await {
            Ok(ApplyOutcome::Applied(applied)) => {
                assert_eq!(applied.stamp, after, "the history of writer {} is another", self.number);
                self.acknowledged.push(applied.stamp);
                self.repeats += usize::from(applied.repeated);
                self.pending = None;
                Ok(())
            }
            Ok(other) => panic!("writer {}: {other:?}", self.number),
            Err(error) if error.is_retryable() => Err(error),
            Err(error) => panic!("writer {}: {error:?}", self.number),
        }
    }

    /// Sends until the last update is known to be applied.
    pub(crate) async fn settle(&mut self, store: &RedisStore) {
        while self.pending.is_some() {
            // Only retryable errors get here.
            self.step(store).await.ok();
        }
    }

    /// Checks that a record is complete, of this session, and in one of its former states. Returns its number of
    /// updates.
    pub(crate) fn recognize(&self, record: &Record) -> usize {
        let done = record.state().keyed("log").len();
        assert_eq!(record.stamp().version() as usize, done + 1, "each update is applied once");
        let pending = self.pending.as_ref().map(|update| self.stamp().next(update.write.op));
        let history: Vec<Stamp> = self.acknowledged.iter().copied().chain(pending).collect();
        assert_eq!(history.get(done), Some(&record.stamp()), "a state that never was");
        for entry in 1..=done {
            assert!(
                record.state().get_keyed("log", &entry.to_string()).is_some(),
                "update {entry} of {done} is missing"
            );
        }
        assert_eq!(record.state().get("writer"), Some(&value(&self.number.to_string())), "another writer's session");
        assert_eq!(record.state().len(), done + 1);
        assert!(record.deadlines().idle().is_some() && record.deadlines().absolute().is_some());
        done
    }

    /// The number of updates that the store has of this session; `None` if it has no such session.
    pub(crate) async fn look(&self, store: &RedisStore) -> Option<usize> {
        match load(store, &self.id).await {
            LoadOutcome::Found(found) => Some(self.recognize(&found.record)),
            LoadOutcome::Absent(Absent::NotFound(None)) => None,
            other => panic!("{other:?}"),
        }
    }

    /// Every acknowledged update is there, once.
    pub(crate) async fn check(&self, store: &RedisStore) {
        let done = self.look(store).await.expect("the session is there");
        assert!(done >= self.done(), "{} updates were acknowledged, {done} are there", self.done());
    }
}

/// How a writer handles an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnError {
    Retry,
    Stop,
}

/// Running writers.
pub(crate) struct Load {
    store: RedisStore,
    tasks: JoinSet<Writer>,
    stop: Arc<AtomicBool>,
    acknowledged: watch::Sender<usize>,
    failed: watch::Sender<usize>,
    repeated: watch::Sender<usize>,
}

impl Load {
    pub(crate) fn start(store: &RedisStore, writers: Vec<Writer>, on_error: OnError) -> Self {
        let (acknowledged, failed, repeated) = (watch::Sender::new(0), watch::Sender::new(0), watch::Sender::new(0));
        let stop = Arc::<AtomicBool>::default();
        let mut tasks = JoinSet::new();
        for mut writer in writers {
            let (store, stop) = (store.clone(), stop.clone());
            let (acknowledged, failed, repeated) = (acknowledged.clone(), failed.clone(), repeated.clone());
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let repeats = writer.repeats;
                    match writer.step(&store).await {
                        Ok(()) => {
                            repeated.send_modify(|count| *count += writer.repeats - repeats);
                            acknowledged.send_modify(|count| *count += 1);
                        }
                        Err(_) => {
                            failed.send_modify(|count| *count += 1);
                            if on_error == OnError::Stop {
                                break;
                            }
                        }
                    }
                }
                writer
            });
        }
        Self { store: store.clone(), tasks, stop, acknowledged, failed, repeated }
    }

    /// Waits until this many more updates are acknowledged.
    pub(crate) async fn progress(&self, updates: usize) {
        let goal = *self.acknowledged.borrow() + updates;
        let mut seen = self.acknowledged.subscribe();
        guarded("the writers get on", seen.wait_for(|count| *count >= goal)).await.unwrap();
    }

    /// The number of failed attempts.
    pub(crate) fn failed(&self) -> usize {
        *self.failed.borrow()
    }

    /// The number of updates that an attempt had applied whose answer was lost.
    pub(crate) fn repeated(&self) -> usize {
        *self.repeated.borrow()
    }

    /// Waits until this many more attempts have failed.
    pub(crate) async fn failures(&self, attempts: usize) {
        let goal = *self.failed.borrow() + attempts;
        let mut seen = self.failed.subscribe();
        guarded("the writers fail", seen.wait_for(|count| *count >= goal)).await.unwrap();
    }

    /// Lets each writer finish its update.
    pub(crate) async fn end(mut self) -> Vec<Writer> {
        self.stop.store(true, Ordering::Relaxed);
        self.join().await
    }

    /// Waits until each writer has met an error.
    pub(crate) async fn all_stopped(mut self) -> Vec<Writer> {
        self.join().await
    }

    async fn join(&mut self) -> Vec<Writer> {
        let mut writers = Vec::new();
        while let Some(writer) = guarded("the writers end", self.tasks.join_next()).await {
            writers.push(writer.unwrap_or_else(|failure| std::panic::resume_unwind(failure.into_panic())));
        }
        writers
    }

    /// Stops the writers, settles unknown outcomes, and checks every session, possibly through another store.
    pub(crate) async fn check(self, store: &RedisStore) {
        let own = self.store.clone();
        for mut writer in self.end().await {
            guarded("a writer settles", writer.settle(store)).await;
            writer.check(store).await;
            assert_eq!(writer.look(store).await, Some(writer.done()));
        }
        crate::rig::until("no call is under way", || own.stats().in_flight == 0).await;
    }
}
