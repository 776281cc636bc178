//! Clients: they read and write shared sessions through their node's store, and drop some calls.

use std::{future::poll_fn, pin::pin, sync::Arc, time::Duration};

use session_core::{
    Error, Floor, LoadOptions, ReadLevel, SessionId,
    model::{IdDigest, Stamp},
    store::{Absent, Found, LoadOutcome, SessionStore, TouchOptions, TouchOutcome},
};

use super::{Millis, Seen, Sim, Window, jar::Cookie};
use crate::oracle::Load;

/// The idle timeout divided by this is the time after which opening a session renews its deadline, as in the table of
/// `session_core::defaults`.
const TOUCH_SHARE: u32 = 10;

/// One client of one node.
pub(crate) struct Client {
    pub(crate) sim: Sim,
    pub(crate) node: usize,
    pub(crate) name: usize,
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) rng: fastrand::Rng,
}

/// The result of a call.
pub(crate) struct Called<T> {
    /// `None` if the client dropped the call.
    pub(crate) answer: Option<T>,
    /// Whether it was answered without waiting.
    pub(crate) local: bool,
    /// When it began: in the oracle's order, and in virtual time.
    pub(crate) began: u64,
    pub(crate) at: Millis,
}

impl Client {
    /// Runs a number of operations, with pauses.
    pub(crate) async fn run(mut self, operations: usize) {
        for _ in 0..operations {
            let pause = if self.rng.u8(..10) < 4 { self.rng.u64(..12) } else { self.rng.u64(20..700) };
            self.sim.sleep(pause).await;
            self.sim.running(self.node).await;
            if self.sim.with(|world| world.oracle.violation().is_some()) {
                return;
            }
            self.sim.with(|world| world.coverage.count("operations"));
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let at = self.sim.with(|world| self.rng.usize(..world.jar.0.len()));
        let cookie = self.sim.with(|world| world.jar.0[at].clone());
        let Some(present) = cookie.ids.last().copied() else {
            return match self.rng.u8(..12) {
                0..6 => self.create(at, &cookie).await,
                6..8 => self.sign_in_without_session(at, &cookie).await,
                _ => self.load(at, &cookie, cookie.next).await,
            };
        };
        if let Some(form) = cookie.form.clone()
            && self.rng.bool()
        {
            return self.send_again(at, form).await;
        }
        if let Some(former) = cookie.former.filter(|_| self.rng.u8(..100) < 3) {
            return self.open(at, former, LoadOptions::default(), None).await;
        }
        let old = self.rng.u8(..100) < 12;
        let id = if old { cookie.ids[self.rng.usize(..cookie.ids.len())] } else { present };
        match self.rng.u8(..100) {
            0..58 => self.load(at, &cookie, id).await,
            58..80 => self.apply(at, &cookie, id).await,
            80..84 => drop(self.touch(id).await),
            84..91 => self.renew(at, &cookie, id).await,
            91..93 => self.step_up(at, &cookie, id).await,
            93..97 => self.sign_in(at, id).await,
            _ => self.destroy(at, id).await,
        }
    }

    /// Awaits a call. Drops some of them.
    pub(crate) async fn call<T>(&mut self, call: impl Future<Output = T>) -> Called<T> {
        let began = self.sim.with(|world| world.oracle.begin());
        let at = self.sim.now();
        let patience = (self.rng.u8(..100) < 10).then(|| self.rng.u64(..30));
        let mut polls = 0;
        let mut call = pin!(call);
        let counted = poll_fn(|cx| {
            polls += 1;
            call.as_mut().poll(cx)
        });
        let answer = match patience {
            None => Some(counted.await),
            Some(patience) => tokio::select! {
                biased;
                answer = counted => Some(answer),
                () = self.sim.sleep_until(at + patience) => None,
            },
        };
        if answer.is_none() {
            self.sim.with(|world| world.coverage.count("calls given up"));
        }
        Called { answer, local: polls == 1, began, at }
    }

    pub(crate) fn note(&self, text: impl FnOnce() -> String) {
        self.sim.with(|world| world.note(|| format!("n{}c{} {}", self.node, self.name, text())));
    }

    /// The options of a request that opens its session, and the version of the history of its floor, if it has one.
    fn ask(&mut self, cookie: &Cookie) -> (LoadOptions, Option<(Floor, u64)>) {
        let level = if self.rng.u8(..100) < 15 { ReadLevel::Store } else { ReadLevel::Local };
        let mut options = LoadOptions { level, ..LoadOptions::default() };
        let mut floor = None;
        if let Some(stamp) = cookie.stamp {
            if self.rng.u8(..100) < 25 {
                options.floor = Some(stamp.into());
                floor = self.sim.with(|world| world.history.born(stamp)).map(|born| (Floor::from(stamp), born));
            }
            if self.rng.u8(..100) < 10 {
                options.known = Some(stamp);
            }
            if self.rng.u8(..100) < 10 {
                options.stale_if_error = Some(Duration::from_millis(self.rng.u64(100..9_000)));
            }
        }
        (options, floor)
    }

    /// Opens a session: loads it, and uses it.
    pub(crate) async fn load(&mut self, at: usize, cookie: &Cookie, id: SessionId) {
        let (options, floor) = self.ask(cookie);
        self.open(at, id, options, floor).await;
    }

    pub(crate) async fn open(&mut self, at: usize, id: SessionId, options: LoadOptions, floor: Option<(Floor, u64)>) {
        let called = self.sim.now();
        if let Some(found) = self.look(at, id, options, floor).await {
            self.use_session(&id, &found, called).await;
        }
    }

    /// Loads a session without using it, and judges the answer.
    pub(crate) async fn look(
        &mut self,
        at: usize,
        id: SessionId,
        options: LoadOptions,
        floor: Option<(Floor, u64)>,
    ) -> Option<Found> {
        let store = self.store.clone();
        let called = self.call(store.load(&id, options)).await;
        let outcome = self.unless_failed(&id, called.answer?)?;
        if let LoadOutcome::Found(Found { staleness: Some(age), record, .. }) = &outcome {
            self.stale(id.digest(), options, Seen::Record(record.clone()), *age);
            return None;
        }
        let seen = seen(&outcome, options)?;
        let answered = self.sim.now();
        let is_fresh = self.sim.with(|world| world.oracle.asked.is_fresh(self.node, id.digest(), answered));
        let load = Load {
            node: self.node,
            digest: *id.digest(),
            latest: options.level == ReadLevel::Store,
            floor,
            began: called.began,
            called: called.at,
            answered,
            local: called.local && !is_fresh,
            seen,
        };
        self.note(|| format!("load {} at {} {:?}: {}", short(id.digest()), called.at, options.level, describe(&load)));
        self.answered(at, &id, &load);
        match outcome {
            LoadOutcome::Found(found) => Some(found),
            _ => None,
        }
    }

    fn unless_failed(&self, id: &SessionId, answer: Result<LoadOutcome, Error>) -> Option<LoadOutcome> {
        if let Err(error) = &answer {
            self.note(|| format!("load {} fails: {error}", short(id.digest())));
            self.sim.with(|world| world.coverage.count("loads failed"));
        }
        answer.ok()
    }

    /// An answer that states its age is no older than that, and no older than the caller allowed. That is its only
    /// guarantee, and a forged state has none.
    fn stale(&self, digest: &IdDigest, options: LoadOptions, seen: Seen, age: Duration) {
        self.sim.with(|world| {
            world.coverage.count("stale answers");
            // A node's clock may be half a percent slow.
            let from = world.now.saturating_sub(age.as_millis() as Millis * 101 / 100 + 1);
            let window = Window { from, to: world.now, least: 0 };
            let is_true = world.history.explain(digest, &seen, window).is_some();
            let is_forged = world.oracle.forgeries.is_forged(&world.history, digest, &seen, world.now);
            if !is_true && !is_forged || options.stale_if_error.is_none_or(|allowed| age > allowed) {
                let text = format!("{digest:?} said to be {age:?} old, asked with {options:?}: {seen:?}");
                world.oracle.violate("i1_bounded_staleness", text);
            }
        });
    }

    fn answered(&self, at: usize, id: &SessionId, load: &Load) {
        self.sim.with(|world| {
            world.count_load(load);
            if world.oracle.judge(&world.history, load) {
                return world.coverage.count("forged answers");
            }
            let cookie = &mut world.jar.0[at];
            let is_present = cookie.ids.last() == Some(id);
            match &load.seen {
                Seen::Record(record) if cookie.incarnation == Some(record.stamp().incarnation()) => {
                    cookie.stamp = Some(record.stamp());
                }
                Seen::Absent | Seen::Superseded if is_present && !load.local => {
                    world.expired(&load.digest);
                    world.vacate(at);
                }
                _ => {}
            }
        });
    }

    /// A request that opens a session renews its deadline when a share of the timeout has passed. The first one with a new
    /// id confirms its renewal.
    async fn use_session(&mut self, id: &SessionId, found: &Found, at: Millis) {
        let deadlines = found.record.deadlines();
        let Some((timeout, idle)) = deadlines.idle() else { return };
        let confirms = found.record.is_unconfirmed() && found.forwarded.is_none();
        let due = confirms || idle.since(found.now) + timeout / TOUCH_SHARE <= timeout;
        if due && !self.touch(*id).await {
            return;
        }
        let session = found.record.stamp().incarnation();
        self.sim.with(|world| world.oracle.uses.note(session, at));
    }

    /// Touches a session, and returns whether that is known to have succeeded.
    async fn touch(&mut self, id: SessionId) -> bool {
        let store = self.store.clone();
        self.sim.with(|world| world.oracle.access.use_sent(id.digest(), world.now));
        let called = self.call(store.touch(&id, TouchOptions::default())).await;
        let Some(Ok(outcome)) = called.answer else { return false };
        self.note(|| format!("touch {}: {outcome:?}", short(id.digest())));
        let TouchOutcome::Touched(touched) = outcome else { return false };
        self.used(&id, touched.forwarded.is_none(), called.at);
        true
    }

    /// A use of the session was acknowledged, at the id itself or through a forward.
    pub(crate) fn used(&self, id: &SessionId, itself: bool, called: Millis) {
        self.sim.with(|world| world.oracle.access.used(id.digest(), itself, (called, world.now)));
    }
}

fn seen(outcome: &LoadOutcome, options: LoadOptions) -> Option<Seen> {
    match outcome {
        LoadOutcome::Found(found) => Some(Seen::Record(found.record.clone())),
        LoadOutcome::Unchanged(_) => options.known.map(Seen::Stamp),
        LoadOutcome::Absent(Absent::NotFound(_)) => Some(Seen::Absent),
        LoadOutcome::Absent(Absent::Superseded) => Some(Seen::Superseded),
        _ => None,
    }
}

/// A digest in short form, for the trace.
pub(crate) fn short(digest: &IdDigest) -> String {
    format!("{}:{:04x}", digest.partition(), digest.hash_bits() as u16)
}

/// A stamp in short form, for the trace.
pub(crate) fn brief(stamp: Stamp) -> String {
    format!("{:04x}.{}.{:04x}", u64::from(stamp.incarnation()) as u16, stamp.version(), stamp.tag() as u16)
}

fn describe(load: &Load) -> String {
    let text = match &load.seen {
        Seen::Record(record) => brief(record.stamp()),
        Seen::Stamp(stamp) => format!("unchanged {}", brief(*stamp)),
        Seen::Absent => "absent".to_owned(),
        Seen::Superseded => "superseded".to_owned(),
    };
    if load.local { format!("{text} (local)") } else { text }
}

impl super::World {
    /// The browser no longer has a session.
    pub(crate) fn vacate(&mut self, at: usize) {
        let former = self.jar.0[at].ids.last().copied();
        self.jar.0[at] = Cookie { former, ..Cookie::random(&self.settings, &mut self.rng) };
    }

    fn count_load(&mut self, load: &Load) {
        let what = match (&load.seen, load.local) {
            (Seen::Record(_) | Seen::Stamp(_), true) => "local hits",
            (_, true) => "local absences",
            (_, false) => "answers of the store",
        };
        self.coverage.count(what);
        self.oracle.promised(load).into_iter().for_each(|event| self.coverage.count(event));
        let asked = self.oracle.asked.last(load.node, &load.digest, load.seen.stamp());
        let born = load.seen.stamp().and_then(|stamp| self.history.born_at(stamp));
        if load.local && born > asked {
            self.coverage.count("patched hits");
        }
    }

    /// If the session has expired, checks that this was right.
    fn expired(&mut self, digest: &IdDigest) {
        let primary = self.primaries[self.home(digest.partition())];
        let Some(session_core::store::machine::Slot::Live(live)) = self.servers[primary].contents.slots.get(digest)
        else {
            return;
        };
        let end = live.record().deadlines().expires_at();
        if end > self.server_time() || self.faults > 0 {
            return;
        }
        self.coverage.count("expired sessions");
        let at = end.as_millis() - super::time::BEGINNING;
        let session = live.record().stamp().incarnation();
        self.oracle.expired(session, at, self.calm_since);
    }
}
