//! Two stores that receive the same requests.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use session_core::{Limits, LoadOptions, ManualClock, SessionId};
use session_memory::MemoryStore;
use session_redis::{RedisConfig, RedisStore};
use session_testkit::Server;

use crate::{
    answer::{Answer, Standing},
    clients::Clients,
    raw,
    request::{Request, survey},
};

/// Small, so that they are reached.
fn limits() -> Limits {
    Limits { max_entries: 6, max_value_bytes: 8, max_session_bytes: 48 }
}

const TOMBSTONE: Duration = Duration::from_secs(3_600);

pub(crate) async fn connect(server: &Server) -> RedisStore {
    let config = RedisConfig::standalone(server.url()).call_deadline(Duration::from_secs(30));
    RedisStore::builder(config).limits(limits()).tombstone(TOMBSTONE).connect().await.unwrap()
}

pub(crate) struct Pair<'a> {
    seed: u64,
    server: &'a Server,
    redis: &'a RedisStore,
    memory: MemoryStore,
    clock: ManualClock,
    clients: Clients,
    /// Ids at which a session was.
    used: HashSet<SessionId>,
    log: Vec<String>,
}

impl<'a> Pair<'a> {
    pub(crate) async fn new(seed: u64, server: &'a Server, redis: &'a RedisStore) -> Self {
        server.command(&["FLUSHALL"]).await;
        let clock = ManualClock::new();
        let memory = MemoryStore::builder().clock(clock.clone()).limits(limits()).tombstone(TOMBSTONE).build().unwrap();
        Self { seed, server, redis, memory, clock, clients: Clients::new(seed), used: HashSet::new(), log: Vec::new() }
    }

    /// Generates some requests, sends them, and compares.
    pub(crate) async fn step(&mut self, met: &mut BTreeMap<String, usize>) {
        for request in self.clients.draw() {
            if self.reuses_an_id(&request).await {
                continue;
            }
            let (expected, answer) = (request.send(&self.memory).await, request.send(self.redis).await);
            self.log.push(format!("{}\n  => {answer:?}", self.words(&request)));
            assert!(answer.agrees_with(&expected), "{}\nnot {expected:?}", self.story());
            self.clients.learn(&request, &answer);
            self.used.extend(request.target());
            *met.entry(answer.name()).or_default() += 1;
            if request.signs_in() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            self.clock.advance(Duration::from_millis(2));
            // A server forgets an ended session at once.
            self.memory.sweep();
        }
        self.compare().await;
    }

    async fn compare(&self) {
        let ids = &self.clients.ids;
        let (expected, there) = (survey(&self.memory, ids).await, survey(self.redis, ids).await);
        for (at, (there, expected)) in there.iter().zip(&expected).enumerate() {
            assert!(there.agrees_with(expected), "{there:?}\nnot {expected:?}\nat id {at} {}", self.story());
        }
        for principal in &self.clients.principals {
            let list = Request::Sessions(principal.clone());
            assert_eq!(list.send(self.redis).await, list.send(&self.memory).await, "{}", self.story());
        }
        if let Err(what) = raw::check(self.server).await {
            panic!("{what} {}", self.story());
        }
    }

    /// New ids are generated, so that no client stores a session where another one ended.
    async fn reuses_an_id(&self, request: &Request) -> bool {
        let Some(target) = request.target().filter(|target| self.used.contains(target)) else { return false };
        let there = Request::Load(target, LoadOptions::default()).send(&self.memory).await;
        there == Answer::Load(Standing::NotFound(None))
    }

    /// With ids replaced by their numbers.
    fn words(&self, request: &Request) -> String {
        let at = |id: &SessionId| self.clients.ids.iter().position(|it| it == id).unwrap_or(99);
        match request {
            Request::Create(id, new) => format!("create {} {new:?}", at(id)),
            Request::Load(id, options) => format!("load {} {options:?}", at(id)),
            Request::Apply(id, update) => format!("apply {} {update:?}", at(id)),
            Request::Touch(id, options) => format!("touch {} {options:?}", at(id)),
            Request::Rotate(id, rotation) => format!("rotate {} to {} {rotation:?}", at(id), at(&rotation.to)),
            Request::Destroy(id, destroy) => format!("destroy {} {destroy:?}", at(id)),
            Request::Acquire(id, owner, lease) => format!("acquire {} {owner:?} {lease:?}", at(id)),
            Request::Renew(id, token, lease) => format!("renew {} {token:?} {lease:?}", at(id)),
            Request::Release(id, token) => format!("release {} {token:?}", at(id)),
            Request::Sessions(principal) => format!("sessions {principal:?}"),
            Request::Revoke(principal, id) => format!("revoke {principal:?} {}", at(id)),
            Request::RevokeAll(principal, id) => format!("revoke all {principal:?} but {:?}", id.as_ref().map(at)),
        }
    }

    fn story(&self) -> String {
        let ids: Vec<_> = self.clients.ids.iter().map(|id| format!("{:?}", id.digest())).collect();
        let from = self.log.len().saturating_sub(60);
        format!("with MODEL_SEED={}, ids {ids:?}, after:\n{}", self.seed, self.log[from..].join("\n"))
    }
}
