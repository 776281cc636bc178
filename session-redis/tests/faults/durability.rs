//! The server is killed under load and restarted.

use std::time::Duration;

use session_core::{
    ErrorKind, LoadOptions,
    model::EndReason,
    store::{Absent, Destroy, DestroyOutcome, LoadOutcome, SessionStore as _},
};
use session_redis::RedisStore;
use session_testkit::{Persistence, Server};

use crate::{
    belongings::key_of,
    rig::{config, connect, create, done, found, guarded, kind, load, new, op, until, update},
    writer::{Load, OnError, Writer},
};

const WRITERS: usize = 6;
const DESTROYS: u64 = 5;

/// The fate of acknowledged writes.
struct Report {
    setting: &'static str,
    /// The number of updates acknowledged before the kill, and how many of them were lost.
    updates: (usize, usize),
    /// The number of destroys acknowledged since the last save, and how many had to be repeated.
    destroys: (u64, u64),
    /// The number of sessions created since the last save, and how many of them were lost.
    creates: (usize, usize),
}

impl Report {
    fn verdict(&self) -> [&'static str; 3] {
        let word = |(all, lost): (u64, u64), some: &'static str| match lost {
            0 => "kept",
            lost if lost == all => "lost",
            _ => some,
        };
        let (updates, lost) = self.updates;
        if self.setting == "AOF everysec" {
            // The number depends on timing. It has been checked that only the end is lost.
            return ["the last second may be lost"; 3];
        }
        [
            word((updates as u64, lost as u64), "lost since the save"),
            word(self.destroys, "some lost"),
            word((self.creates.0 as u64, self.creates.1 as u64), "some lost"),
        ]
    }

    /// A line of the table in `DURABILITY.md`.
    fn line(&self) -> String {
        let [updates, destroys, creates] = self.verdict();
        format!("| {} | {updates} | {destroys} | {creates} |", self.setting)
    }
}

/// The state before the load: writers with an update each, and sessions to be destroyed.
struct Scene {
    server: Server,
    store: RedisStore,
    writers: Vec<Writer>,
    doomed: Vec<session_core::SessionId>,
}

impl Scene {
    async fn set(persistence: Persistence) -> Self {
        let server = Server::builder().persistence(persistence).start().await;
        // All writers wait this long for the server while it is down.
        let store = connect(config(server.url()).call_deadline(Duration::from_secs(3))).await;
        let mut writers = Writer::crowd(&store, WRITERS).await;
        for writer in &mut writers {
            done(writer.step(&store).await);
        }
        let mut doomed = Vec::new();
        for _ in 0..DESTROYS {
            doomed.push(create(&store, &new()).await.0);
        }
        Self { server, store, writers, doomed }
    }

    /// Runs load, destroys and creates, kills the server under load, and restarts it. Returns what the writers had
    /// recorded before.
    async fn strike(self, setting: &'static str) -> Report {
        let Self { server, store, writers, doomed } = self;
        let saved: Vec<usize> = writers.iter().map(Writer::done).collect();
        let load = Load::start(&store, writers, OnError::Stop);
        load.progress(200).await;
        for id in &doomed {
            let ended = done(store.destroy(id, &Destroy::new(op(), EndReason::Logout)).await);
            assert_eq!(ended, DestroyOutcome::Destroyed { replicas: None, forwarded: None });
        }
        let mut created = Vec::new();
        for _ in 0..DESTROYS {
            created.push(create(&store, &new()).await.0);
        }
        load.progress(200).await;
        server.kill().await;
        let mut writers = load.all_stopped().await;
        writers.sort_by_key(|writer| u64::from(writer.stamp().incarnation()));
        server.restart().await;
        // This is the first request to the restarted server: even now none of the destroyed sessions is there.
        for id in &doomed {
            assert!(
                matches!(crate::rig::load(&store, id).await, LoadOutcome::Absent(Absent::NotFound(_))),
                "{setting}: it is back for a moment"
            );
        }
        until("the destroys are repeated", || store.stats().destroys_repeated >= DESTROYS).await;
        assert!(saved.iter().all(|updates| *updates == 1));
        Self { server, store, writers, doomed }.assess(setting, &created).await
    }

    async fn assess(self, setting: &'static str, created: &[session_core::SessionId]) -> Report {
        let store = &self.store;
        let (mut updates, mut lost) = (0, 0);
        for writer in &self.writers {
            // Each stored session is in one of its former states, as a whole.
            let there = writer.look(store).await;
            updates += writer.done();
            lost += writer.done().saturating_sub(there.unwrap_or(0));
            if let Some(there) = there {
                assert!(there >= 1, "what was there when the load began is there");
            }
        }
        for id in &self.doomed {
            assert!(matches!(load(store, id).await, LoadOutcome::Absent(Absent::NotFound(_))), "nothing comes back");
        }
        let mut gone = 0;
        for id in created {
            match load(store, id).await {
                LoadOutcome::Found(_) => {}
                LoadOutcome::Absent(Absent::NotFound(None)) => gone += 1,
                other => panic!("{other:?}"),
            }
        }
        // The same store continues.
        let (id, _) = create(store, &new()).await;
        done(store.apply(&id, &update("after", "the restart")).await);
        assert_eq!(found(store, &id).await.record.stamp().version(), 2);
        let undone = store.stats().destroys_undone;
        Report { setting, updates: (updates, lost), destroys: (DESTROYS, undone), creates: (created.len(), gone) }
    }
}

/// No acknowledged update is lost, not even the last one before the kill.
async fn aof_always() -> Report {
    let report = Scene::set(Persistence::AofAlways).await.strike("AOF always").await;
    assert_eq!((report.updates.1, report.destroys.1, report.creates.1), (0, 0, 0));
    report
}

/// After a kill of the process, at least a beginning of each history is left.
async fn aof_everysec() -> Report {
    let scene = Scene::set(Persistence::AofEverysec).await;
    let written = || async { (scene.server.info("aof_buffer_length").await? == "0").then_some(()) };
    scene.server.wait("the append-only file has it all", written).await;
    scene.strike("AOF everysec").await
}

/// Exactly the state at the save is left.
async fn rdb() -> Report {
    let scene = Scene::set(Persistence::Rdb).await;
    scene.server.command(&["BGSAVE"]).await.expect("BGSAVE");
    let saved = || async { (scene.server.info("rdb_changes_since_last_save").await? == "0").then_some(()) };
    scene.server.wait("the snapshot is written", saved).await;
    let report = scene.strike("RDB snapshots").await;
    assert_eq!(report.updates.1, report.updates.0 - WRITERS, "each writer had one update at the save");
    assert_eq!((report.destroys.1, report.creates.1), (DESTROYS, report.creates.0));
    report
}

/// All sessions are gone, which is no error.
async fn nothing() -> Report {
    let report = Scene::set(Persistence::None).await.strike("nothing").await;
    assert_eq!(report.updates.1, report.updates.0);
    // A destroyed session that is gone with all others does not come back.
    assert_eq!((report.destroys.1, report.creates.1), (0, report.creates.0));
    report
}

/// The documentation states the results.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn durability() {
    let reports = [aof_always().await, aof_everysec().await, rdb().await, nothing().await];
    let documented = include_str!("../../DURABILITY.md");
    println!("| setting | updates: acknowledged, lost | destroys: acknowledged, lost | creates: acknowledged, lost |");
    println!("|---|---|---|---|");
    for report in &reports {
        let Report { setting, updates, destroys, creates } = report;
        println!("| {setting} | {updates:?} | {destroys:?} | {creates:?} |");
        let line = report.line();
        assert!(documented.lines().any(|told| told == line), "DURABILITY.md does not say: {line}");
    }
}

/// A newly promoted server may refuse writes until it has replicas. Destroyed sessions that are back end once it
/// accepts writes, without another reconnect. Until then no load finds them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destroy_that_is_refused_when_it_is_repeated_is_owed() {
    let server = Server::start().await;
    let store = connect(config(server.url())).await;
    let (id, _) = create(&store, &new()).await;
    let key = key_of(&server, &id).await;
    assert_eq!(server.command(&[b"COPY".as_slice(), &key, b"copy"]).await.int(), 1);
    done(store.destroy(&id, &Destroy::new(op(), EndReason::Logout)).await);
    // It is back, as after a failover.
    assert_eq!(server.command(&[b"COPY".as_slice(), b"copy", &key, b"REPLACE"]).await.int(), 1);
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await.expect("CONFIG");
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]).await.expect("CLIENT KILL");
    until("the store has connected again", || store.stats().reconnects > 0).await;
    let is_session = server.command(&[b"HEXISTS".as_slice(), &key, b"@c"]).await.int();
    assert_eq!(is_session, 1, "or this tests nothing");
    assert_eq!(
        kind(store.load(&id, LoadOptions::default()).await),
        ErrorKind::Unavailable,
        "it is back, and not shown"
    );
    assert_eq!(store.stats().destroys_undone, 0);
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await.expect("CONFIG");
    until("the destroy is repeated", || store.stats().destroys_undone == 1).await;
    guarded("the server is believed", async { while store.check().await.is_err() {} }).await;
    assert!(matches!(load(&store, &id).await, LoadOutcome::Absent(Absent::NotFound(Some(_)))));
}
