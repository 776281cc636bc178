//! Updates that wait for replicas.

use session_core::{
    Error, LoadOptions, SessionId,
    model::{Delta, Field, Format, OpId, Value},
    store::{Applied, ApplyOutcome, SessionStore, Update, WriteOptions},
};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::Server;

use crate::{reaper::new_session, topology::connect, until, within};

struct Rig {
    primary: Server,
    replicas: Vec<Server>,
    store: RedisStore,
}

async fn rig() -> Rig {
    let primary = Server::builder().config("repl-timeout", 600).start().await;
    let mut replicas = Vec::new();
    for _ in 0..2 {
        let replica = Server::builder().replica_of(&primary).start().await;
        replica.wait_for_primary_link().await;
        replicas.push(replica);
    }
    let store = connect(RedisConfig::standalone(primary.url()).durable_connections(2)).await;
    Rig { primary, replicas, store }
}

impl Rig {
    async fn apply(&self, id: SessionId, replicas: u32) -> Result<Applied, Error> {
        apply(self.store.clone(), id, replicas).await
    }

    /// Waits until this many clients wait for replicas.
    async fn blocked(&self, clients: usize) {
        let blocked = || async {
            let text = self.primary.info("blocked_clients").await?;
            (text == clients.to_string()).then_some(())
        };
        until("the server has the request and waits", blocked).await;
    }
}

async fn apply(store: RedisStore, id: SessionId, replicas: u32) -> Result<Applied, Error> {
    let mut delta = Delta::new();
    delta.set(Field::new("field").unwrap(), Value::new(Format::JSON, b"1"));
    match store.apply(&id, &Update::new(WriteOptions { replicas, ..OpId::generate()?.into() }, delta)).await? {
        ApplyOutcome::Applied(applied) => Ok(applied),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_tells_how_many_have_it_within_the_deadline() {
    let rig = rig().await;
    let id = new_session(&rig.store, SessionId::generate().unwrap(), 2).await;
    assert_eq!(rig.apply(id, 2).await.unwrap().replicas, Some(2));
    assert_eq!(rig.apply(id, 0).await.unwrap().replicas, None, "no replicas were asked for");
    rig.replicas[0].pause().await;
    assert_eq!(rig.apply(id, 1).await.unwrap().replicas, Some(1));
    // An answer, not an unknown outcome: the call ends before its deadline.
    assert_eq!(within("the call ends", rig.apply(id, 2)).await.unwrap().replicas, Some(1));
    rig.replicas[1].pause().await;
    assert_eq!(within("the call ends", rig.apply(id, 1)).await.unwrap().replicas, Some(0));
    rig.replicas[0].resume().await;
    rig.replicas[1].resume().await;
    assert_eq!(rig.apply(id, 2).await.unwrap().replicas, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_replicas_delays_no_other_call() {
    let rig = rig().await;
    let id = new_session(&rig.store, SessionId::generate().unwrap(), 2).await;
    for replica in &rig.replicas {
        replica.pause().await;
    }
    let waiting: Vec<_> = (0..2).map(|_| tokio::spawn(apply(rig.store.clone(), id, 1))).collect();
    rig.blocked(2).await;
    for _ in 0..5 {
        assert_eq!(rig.apply(id, 0).await.unwrap().replicas, None);
        rig.store.load(&id, LoadOptions::default()).await.unwrap();
    }
    assert!(waiting.iter().all(|call| !call.is_finished()), "the others were delayed until no call waited");
    for call in waiting {
        assert_eq!(within("the call ends", call).await.unwrap().unwrap().replicas, Some(0));
    }
    assert_eq!(rig.store.stats().timeouts, 0);
    assert_eq!(rig.store.stats().in_flight, 0);
}

/// The write and its wait go over one connection. On another connection the server would wait for the writes of that
/// one, of which there are none, and report at once that all replicas have them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_is_that_of_the_write_itself() {
    let rig = rig().await;
    let id = new_session(&rig.store, SessionId::generate().unwrap(), 2).await;
    rig.replicas[1].pause().await;
    for _ in 0..3 {
        let (one, other) = tokio::join!(rig.apply(id, 1), rig.apply(id, 0));
        assert_eq!((one.unwrap().replicas, other.unwrap().replicas), (Some(1), None));
    }
    rig.replicas[0].pause().await;
    assert_eq!(within("the call ends", rig.apply(id, 1)).await.unwrap().replicas, Some(0));
}

/// The server answers the write, and then nothing more: the write is executed, and no replica is known to have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_falls_silent_after_the_write_has_done_it() {
    let rig = rig().await;
    let id = new_session(&rig.store, SessionId::generate().unwrap(), 2).await;
    for replica in &rig.replicas {
        replica.pause().await;
    }
    let waiting = tokio::spawn(apply(rig.store.clone(), id, 1));
    rig.blocked(1).await;
    rig.primary.pause().await;
    let applied = within("the call ends", waiting).await.unwrap().unwrap();
    assert_eq!((applied.stamp.version(), applied.replicas), (2, Some(0)));
    rig.primary.resume().await;
    let after = until("the store is back", || async { rig.apply(id, 0).await.ok() }).await;
    assert!(after.stamp.version() > applied.stamp.version());
}
