//! A client that ends one session after another through all faults.

use std::{sync::Arc, time::Duration};

use session_core::{
    Expiry, LoadOptions, SessionId,
    model::{EndReason, OpId, Stamp},
    store::{Absent, CreateOutcome, Destroy, DestroyOutcome, LoadOutcome, NewSession, SessionStore, WriteOptions},
};
use session_redis::RedisStore;
use tokio::{sync::watch, task::JoinHandle, time::interval};

use crate::{
    topology::{PARTITIONS, id_in},
    until, within,
};

/// Ends sessions until it is stopped.
pub(crate) struct Reaper {
    stop: watch::Sender<bool>,
    task: JoinHandle<Vec<SessionId>>,
}

impl Reaper {
    /// Starts with this many sessions, which `all` replicas have.
    pub(crate) async fn start(store: &RedisStore, sessions: usize, all: u32) -> Self {
        let mut victims = Vec::new();
        for _ in 0..sessions {
            victims.push(new_session(store, SessionId::generate().unwrap(), 0).await);
        }
        // All victims of a partition are on one server: the server that has the last of them has all.
        for partition in 0..PARTITIONS as u16 {
            victims.push(new_session(store, id_in(partition, PARTITIONS), all).await);
        }
        let stop = watch::Sender::new(false);
        let task = tokio::spawn(reap(store.clone(), victims, stop.subscribe()));
        Self { stop, task }
    }

    /// The sessions whose end the store has acknowledged.
    pub(crate) async fn stop(self) -> Vec<SessionId> {
        self.stop.send_replace(true);
        within("the reaper ends", self.task).await.expect("the reaper did not panic")
    }
}

/// Creates a session that this many replicas have. A replica that has just begun to follow may be counted a second
/// later. The repeats of the create only wait.
pub(crate) async fn create(store: &RedisStore, id: &SessionId, replicas: u32) -> Stamp {
    let new = NewSession {
        write: WriteOptions { replicas, ..OpId::generate().unwrap().into() },
        ..NewSession::generate(Expiry::default()).unwrap()
    };
    until("the replicas have the session", || async {
        match store.create(id, &new).await.unwrap() {
            CreateOutcome::Created(applied) => (applied.replicas.unwrap_or(0) >= replicas).then_some(()),
            other => panic!("a session was to be created, but: {other:?}"),
        }
    })
    .await;
    new.stamp()
}

/// As [`create`], and returns the id.
pub(crate) async fn new_session(store: &RedisStore, id: SessionId, replicas: u32) -> SessionId {
    create(store, &id, replicas).await;
    id
}

/// Ends a session, and retries without limit.
pub(crate) async fn end(store: &RedisStore, id: &SessionId) {
    let destroy = Destroy::new(OpId::generate().unwrap(), EndReason::Revoked);
    loop {
        match store.destroy(id, &destroy).await {
            Ok(DestroyOutcome::Destroyed { .. }) => return,
            Ok(other) => panic!("a session that lives was to be ended, but: {other:?}"),
            Err(error) if error.is_retryable() => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn reap(store: RedisStore, victims: Vec<SessionId>, stop: watch::Receiver<bool>) -> Vec<SessionId> {
    let mut ended = Vec::new();
    // Not all at once, so that some are left when the fault comes.
    let mut pace = interval(Duration::from_millis(3));
    for victim in victims {
        pace.tick().await;
        if *stop.borrow() {
            break;
        }
        end(&store, &victim).await;
        ended.push(victim);
    }
    ended
}

/// Waits until none of these sessions exists, and then checks that none can be reached in any other way.
pub(crate) async fn stay_ended(store: &RedisStore, ended: &[SessionId]) {
    let store = Arc::new(store.clone());
    for id in ended {
        until("what was ended stays so", || async {
            matches!(
                store.load(id, LoadOptions::default()).await.unwrap(),
                LoadOutcome::Absent(Absent::NotFound(Some(_)))
            )
            .then_some(())
        })
        .await;
        let again = store.create(id, &NewSession::generate(Expiry::default()).unwrap()).await.unwrap();
        assert!(matches!(again, CreateOutcome::Ended(_)), "a session that was ended came back: {again:?}");
    }
}
