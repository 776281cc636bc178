//! A client that ends one session after the other, whatever happens.

use std::sync::Arc;

use session_core::{
    CreateOutcome, Destroy, DestroyOutcome, EndReason, Expiry, LoadOutcome, NewSession, OpId, SessionId, SessionStore,
    SessionStoreExt,
};
use session_redis::RedisStore;
use tokio::{sync::watch, task::JoinHandle};

use crate::{until, within};

/// Ends sessions until it is stopped.
pub(crate) struct Reaper {
    stop: watch::Sender<bool>,
    task: JoinHandle<Vec<SessionId>>,
}

impl Reaper {
    /// With so many sessions, which `all` replicas have.
    pub(crate) async fn start(store: &RedisStore, sessions: usize, all: u32) -> Self {
        let mut victims = Vec::new();
        for number in 0..sessions {
            let last = number + 1 == sessions;
            victims.push(new_session(store, SessionId::generate().unwrap(), if last { all } else { 0 }).await);
        }
        let stop = watch::Sender::new(false);
        let task = tokio::spawn(reap(store.clone(), victims, stop.subscribe()));
        Self { stop, task }
    }

    /// Those that were ended, as the store has acknowledged.
    pub(crate) async fn stop(self) -> Vec<SessionId> {
        self.stop.send_replace(true);
        within("the reaper ends", self.task).await.expect("the reaper did not panic")
    }
}

/// A session that so many replicas have.
pub(crate) async fn new_session(store: &RedisStore, id: SessionId, replicas: u32) -> SessionId {
    let new = NewSession::draw(Expiry::default()).unwrap().with_replicas(replicas);
    match store.create(&id, &new).await.unwrap() {
        CreateOutcome::Created(applied) if applied.replicas.unwrap_or(0) >= replicas => id,
        other => panic!("a session was to be created, but: {other:?}"),
    }
}

/// Ends a session, trying for as long as it takes.
pub(crate) async fn end(store: &RedisStore, id: &SessionId) {
    let destroy = Destroy::new(OpId::draw().unwrap(), EndReason::Revoked);
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
    for victim in victims {
        if *stop.borrow() {
            break;
        }
        end(&store, &victim).await;
        ended.push(victim);
    }
    ended
}

/// Waits until none of these sessions is there any more, and then makes sure that none can be had in any other way.
pub(crate) async fn stay_ended(store: &RedisStore, ended: &[SessionId]) {
    let store = Arc::new(store.clone());
    for id in ended {
        until("what was ended stays so", || async {
            matches!(store.get(id).await.unwrap(), LoadOutcome::NotFound(Some(_))).then_some(())
        })
        .await;
        let again = store.create(id, &NewSession::draw(Expiry::default()).unwrap()).await.unwrap();
        assert!(matches!(again, CreateOutcome::Ended(_)), "a session that was ended came back: {again:?}");
    }
}
