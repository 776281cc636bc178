//! The number of replicas that a write waits for.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use session_core::{
    Error, Rotate, Rotated, SessionId, Sessions,
    store::{
        Applied, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, NewSession, RotateOutcome, Rotation,
        SessionStore, Update, async_trait, forward,
    },
};
use session_memory::MemoryStore;

/// A store that claims to have replicas, and records how many each request asks for.
#[derive(Debug)]
struct Replicated {
    inner: MemoryStore,
    /// The number of replicas that have each write.
    have: AtomicU32,
    asked: Mutex<Vec<(&'static str, u32)>>,
}

impl Replicated {
    /// The answer to a request that waits for this many replicas.
    fn wait(&self, operation: &'static str, replicas: u32) -> Option<u32> {
        self.asked.lock().unwrap().push((operation, replicas));
        (replicas > 0).then(|| self.have.load(Ordering::Relaxed))
    }

    fn applied(&self, operation: &'static str, replicas: u32, applied: Applied) -> Applied {
        Applied { replicas: self.wait(operation, replicas), ..applied }
    }

    /// The numbers that were asked for since the last call of this method.
    fn asked(&self) -> Vec<(&'static str, u32)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SessionStore for Replicated {
    forward!(self => self.inner; backend, limits, load, touch, check, close, clock, index, lock, feed);

    async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        Ok(match self.inner.create(id, new).await? {
            CreateOutcome::Created(applied) => {
                CreateOutcome::Created(self.applied("create", new.write.replicas, applied))
            }
            other => other,
        })
    }

    async fn apply(&self, id: &SessionId, update: &Update) -> Result<ApplyOutcome, Error> {
        Ok(match self.inner.apply(id, update).await? {
            ApplyOutcome::Applied(applied) => {
                ApplyOutcome::Applied(self.applied("apply", update.write.replicas, applied))
            }
            other => other,
        })
    }

    async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        Ok(match self.inner.rotate(id, rotation).await? {
            RotateOutcome::Rotated(applied) => {
                RotateOutcome::Rotated(self.applied("rotate", rotation.write.replicas, applied))
            }
            other => other,
        })
    }

    async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        Ok(match self.inner.destroy(id, destroy).await? {
            DestroyOutcome::Destroyed { .. } => {
                DestroyOutcome::Destroyed { replicas: self.wait("destroy", destroy.write.replicas), forwarded: None }
            }
            other => other,
        })
    }
}

fn replicated() -> Arc<Replicated> {
    Arc::new(Replicated { inner: MemoryStore::new(), have: AtomicU32::new(2), asked: Mutex::default() })
}

#[tokio::test]
async fn every_write_waits_for_the_configured_number_of_replicas() {
    let store = replicated();
    let sessions = Sessions::builder(store.clone()).replicas(2).build();
    let mut session = sessions.create().unwrap();
    session.set("a", 1u32).unwrap();
    session.commit().await.unwrap();
    assert_eq!(store.asked(), [("create", 2)]);

    session.set("a", 2u32).unwrap();
    session.commit().await.unwrap();
    session.set("a", 3u32).unwrap();
    session.commit_if_unchanged().await.unwrap();
    session.transaction(|session| session.set("a", 4u32)).await.unwrap();
    let mut fresh = sessions.open(session.id()).await.unwrap();
    fresh.update("a", |a: u32| a + 1).await.unwrap();
    assert_eq!(fresh.take::<u32>("a").await.unwrap(), Some(5));
    assert_eq!(store.asked(), [("apply", 2); 5]);

    assert_eq!(session.rotate(Rotate::privilege()).await.unwrap(), Rotated::NewId);
    assert_eq!(session.rotate(Rotate::renew()).await.unwrap(), Rotated::NewId);
    assert_eq!(store.asked(), [("rotate", 2); 2]);

    sessions.destroy(session.id()).await.unwrap();
    let mut session = sessions.create().unwrap();
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    session.destroy().await.unwrap();
    assert_eq!(store.asked(), [("destroy", 2), ("create", 2), ("destroy", 2)]);
}

#[tokio::test]
async fn without_the_setting_no_write_waits() {
    let store = replicated();
    let sessions = Sessions::new(store.clone());
    let mut session = sessions.create().unwrap();
    session.persist().await.unwrap();
    session.set("a", 1u32).unwrap();
    session.commit().await.unwrap();
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    session.destroy().await.unwrap();
    assert_eq!(store.asked(), [("create", 0), ("apply", 0), ("rotate", 0), ("destroy", 0)]);
    assert_eq!(session.replicas(), None);
}

#[tokio::test]
async fn the_handle_returns_the_number_of_replicas_of_its_last_write() {
    let store = replicated();
    let sessions = Sessions::builder(store.clone()).replicas(2).build();
    let mut session = sessions.create().unwrap();
    assert_eq!(session.replicas(), None);
    session.persist().await.unwrap();
    assert_eq!(session.replicas(), Some(2));

    store.have.store(1, Ordering::Relaxed);
    session.commit().await.unwrap();
    assert_eq!(session.replicas(), Some(2), "there was nothing to write");
    session.set("a", 1u32).unwrap();
    session.commit().await.unwrap();
    assert_eq!(session.replicas(), Some(1), "too few replicas are not a failure");
    assert_eq!(sessions.open(session.id()).await.unwrap().replicas(), None, "this handle has written nothing");

    store.have.store(0, Ordering::Relaxed);
    let _ = session.rotate(Rotate::renew()).await.unwrap();
    assert_eq!(session.replicas(), Some(0));
    store.have.store(2, Ordering::Relaxed);
    session.destroy().await.unwrap();
    assert_eq!(session.replicas(), Some(2));
}
