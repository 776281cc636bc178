//! The Redis store, bare redis-rs on the same server, and stores that write whole sessions.
//!
//! All clients run in one process, on one runtime of two workers, against one server without persistence, over loopback
//! TCP without Nagle's delay, one connection each. The server shares the machine with them.

pub mod bare;
pub mod benchmark;
pub mod renewal;
mod sent;
mod spread;

use std::{fmt, sync::Arc, time::Duration};

use session_core::{
    LoadOptions, SessionId,
    store::{ApplyOutcome, NewSession, SessionStore, Update},
};
use session_redis::RedisStore;
use session_testkit::Server;
use tokio::runtime::Runtime;

use self::{
    bare::{Bare, MINIMAL, SAME, Script},
    sent::Sent,
    spread::{Work, run},
};
use crate::{
    op,
    peers::{actix_session, tower_sessions},
    scalars,
};

/// A server, and a client of each kind.
#[derive(Debug)]
pub struct Clients {
    runtime: Arc<Runtime>,
    server: Server,
    store: Arc<RedisStore>,
    bare: Arc<Bare>,
    tower: Arc<tower_sessions::Redis>,
    actix: Arc<actix_session::Redis>,
}

/// A request that several tasks send at once.
pub struct Request {
    /// The name of the client and of the request.
    pub name: &'static str,
    run: Box<dyn Fn(u64) -> Duration>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Request {
    /// The time of this many requests.
    pub fn run(&self, count: u64) -> Duration {
        (self.run)(count)
    }
}

impl Default for Clients {
    fn default() -> Self {
        Self::start()
    }
}

impl Clients {
    /// Starts the server and connects.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (server, store, bare, tower, actix) = runtime.block_on(async {
            let server = Server::start().await;
            let store = RedisStore::connect(&server.url()).await.expect("a store");
            let bare = Bare::connect(&server).await;
            let tower = tower_sessions::Redis::connect(&server).await;
            let actix = actix_session::Redis::connect(&server).await;
            (server, store, bare, tower, actix)
        });
        Self {
            runtime: Arc::new(runtime),
            server,
            store: Arc::new(store),
            bare: Arc::new(bare),
            tower: Arc::new(tower),
            actix: Arc::new(actix),
        }
    }

    /// The server of all clients.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Runs a future on the runtime of the clients.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// One session of eight fields per task.
    fn sessions(&self, count: usize, bytes: usize) -> Arc<[SessionId]> {
        self.runtime.block_on(self.create_sessions(count, bytes)).into()
    }

    async fn create_sessions(&self, count: usize, bytes: usize) -> Vec<SessionId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            let id = SessionId::generate().expect("an id");
            let new = NewSession {
                entries: scalars(8, bytes),
                ..NewSession::generate(Default::default()).expect("a session")
            };
            let _ = self.store.create(&id, &new).await.expect("created");
            ids.push(id);
        }
        ids
    }

    /// Copies of the hashes of this many sessions of eight fields, under keys for [`Bare`].
    pub fn hashes(&self, count: usize) -> Arc<[Vec<u8>]> {
        let ids = self.sessions(count, 29);
        self.runtime.block_on(self.bare.keys_of(&self.server, &ids)).into()
    }

    fn request(&self, name: &'static str, tasks: usize, work: impl Work) -> Request {
        let runtime = self.runtime.clone();
        Request { name, run: Box::new(move |count| run(&runtime, tasks, count, &work)) }
    }

    /// The store's load of eight fields of 29 bytes.
    pub fn load(&self, tasks: usize) -> Request {
        let (store, ids) = (self.store.clone(), self.sessions(tasks, 29));
        self.request("session-redis, load", tasks, move |task: usize| {
            let (store, id) = (store.clone(), ids[task]);
            async move { drop(store.load(&id, LoadOptions::default()).await.expect("loaded")) }
        })
    }

    /// `HGETALL` and `PTTL` of the same hash in one pipeline, into a `HashMap<String, Vec<u8>>`.
    pub fn bare_read(&self, tasks: usize) -> Request {
        let (bare, keys) = (self.bare.clone(), self.hashes(tasks));
        self.request("bare HGETALL and PTTL", tasks, move |task: usize| {
            let (bare, keys) = (bare.clone(), keys.clone());
            async move { drop(bare.hgetall(&keys[task]).await) }
        })
    }

    /// The same with the store's guard: a write that changes nothing and shows whether the server accepts writes.
    pub fn bare_guarded_read(&self, tasks: usize) -> Request {
        let (bare, keys) = (self.bare.clone(), self.hashes(tasks));
        self.request("bare HGETALL, PTTL and guard", tasks, move |task: usize| {
            let (bare, keys) = (bare.clone(), keys.clone());
            async move { drop(bare.guarded_hgetall(&keys[task]).await) }
        })
    }

    /// `GET` of one value of 300 bytes: the floor of any read.
    pub fn bare_get(&self, tasks: usize) -> Request {
        self.runtime.block_on(self.server.command(&["SET", "bare:value", &"7".repeat(300)]));
        let bare = self.bare.clone();
        self.request("bare GET of 300 B", tasks, move |_| {
            let bare = bare.clone();
            async move { drop(bare.get("bare:value").await) }
        })
    }

    /// The store's update of one field of 29 bytes, in a session of eight fields of this many bytes.
    pub fn apply(&self, tasks: usize, bytes: usize) -> Request {
        let (store, ids, change) = (self.store.clone(), self.sessions(tasks, bytes), scalars(1, 29));
        self.request("session-redis, apply", tasks, move |task: usize| {
            let (store, id, change) = (store.clone(), ids[task], change.clone());
            async move {
                let outcome = store.apply(&id, &Update::new(op(), change)).await;
                assert!(matches!(outcome, Ok(ApplyOutcome::Applied(applied)) if !applied.repeated));
            }
        })
    }

    /// The commands of such an update, sent by redis-rs alone.
    pub fn bare_apply(&self, tasks: usize) -> Request {
        let bare = self.bare.clone();
        let ids = self.sessions(tasks, 29);
        let sent: Arc<[Sent]> = self.runtime.block_on(Sent::capture(&self.server, &ids)).into();
        self.request("bare, the same script", tasks, move |task: usize| {
            let (bare, sent) = (bare.clone(), sent.clone());
            async move { bare.resend(&sent[task]).await }
        })
    }

    /// The same commands in a script that computes nothing.
    pub fn same_commands(&self, tasks: usize) -> Request {
        self.script("bare, the same commands", &SAME, tasks)
    }

    /// The minimum that a session needs.
    pub fn minimal_commands(&self, tasks: usize) -> Request {
        self.script("bare, minimal commands", &MINIMAL, tasks)
    }

    fn script(&self, name: &'static str, script: &'static Script, tasks: usize) -> Request {
        let (bare, keys) = (self.bare.clone(), self.hashes(tasks));
        self.request(name, tasks, move |task: usize| {
            let (bare, keys) = (bare.clone(), keys.clone());
            async move { bare.call(script, &keys[task]).await }
        })
    }

    /// The same update with tower-sessions' Redis store.
    pub fn tower_update(&self, tasks: usize, bytes: usize) -> Request {
        let (peer, ids) = (self.tower.clone(), self.runtime.block_on(self.tower.create(tasks, bytes)));
        let ids: Arc<[_]> = ids.into();
        self.request("tower-sessions-redis-store, load and save", tasks, move |task: usize| {
            let (peer, id) = (peer.clone(), ids[task]);
            async move { peer.update(&id).await }
        })
    }

    /// The same update with actix-session's Redis store.
    pub fn actix_update(&self, tasks: usize, bytes: usize) -> Request {
        let (peer, keys) = (self.actix.clone(), self.runtime.block_on(self.actix.create(tasks, bytes)));
        let keys: Arc<[String]> = keys.into();
        self.request("actix-session, load and update", tasks, move |task: usize| {
            let (peer, keys) = (peer.clone(), keys.clone());
            async move { peer.update(&keys[task]).await }
        })
    }
}
