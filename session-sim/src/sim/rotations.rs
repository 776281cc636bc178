//! Rotations of clients: renewals, step-ups and sign-ins. Some responses reach the browser late or never, and some
//! sign-ins are sent twice.

use std::time::Duration;

use session_core::{
    Expiry, LoadOptions, Principal, ReadLevel, SessionId, SignIn,
    store::{Applied, RotateOutcome, Rotation, RotationKind},
};

use super::{
    Millis,
    client::{Client, brief, short},
    jar::{Cookie, Form, random_id},
    writes::{ATTEMPTS, Known},
};
use crate::oracle::Moved;

/// A read of the store itself.
const LATEST: LoadOptions = LoadOptions {
    known: None,
    floor: None,
    level: ReadLevel::Store,
    stale_if_error: None,
    passive: false,
    touch_later: false,
};

impl Client {
    fn rotation(&mut self, id: &SessionId, kind: RotationKind) -> Rotation {
        let op = self.op();
        let to = random_id(id.digest().partition(), &mut self.rng);
        let grace = Duration::from_millis(self.rng.u64(300..3_000));
        let delta = if self.rng.bool() { self.delta(op) } else { Default::default() };
        Rotation { grace, delta, ..Rotation::new(op, to, kind) }
    }

    /// Moves the session to a new id. The old one gives access until the new one is used.
    pub(crate) async fn renew(&mut self, at: usize, cookie: &Cookie, id: SessionId) {
        let mut rotation = self.rotation(&id, RotationKind::Renew);
        if self.rng.u8(..6) == 0 {
            rotation.confirm_within = Some(Duration::from_millis(self.rng.u64(1_000..4_000)));
        }
        let Some(applied) = self.send(&id, &rotation).await else { return };
        if self.rng.u8(..4) == 0 {
            // A read is not a use: the request that renewed reads the session again before it responds.
            self.look(at, rotation.to, LATEST, None).await;
        }
        if self.arrives().await {
            self.renewed(at, cookie, &rotation, &applied);
        }
    }

    /// Moves the session to a new id. The old one gives no access from now on.
    pub(crate) async fn step_up(&mut self, at: usize, cookie: &Cookie, id: SessionId) {
        let rotation = self.rotation(&id, RotationKind::Privilege);
        let Some(applied) = self.send(&id, &rotation).await else { return };
        if self.arrives().await {
            self.renewed(at, cookie, &rotation, &applied);
        }
    }

    /// Whether the response reaches the browser, perhaps after a while.
    async fn arrives(&mut self) -> bool {
        match self.rng.u8(..10) {
            0..4 => {
                self.sim.with(|world| world.coverage.count("responses lost"));
                return false;
            }
            4..6 => self.sim.sleep(self.rng.u64(100..2_000)).await,
            _ => {}
        }
        true
    }

    fn renewed(&self, at: usize, before: &Cookie, rotation: &Rotation, applied: &Applied) {
        self.sim.with(|world| {
            let cookie = &mut world.jar.0[at];
            let session = applied.stamp.incarnation();
            if cookie.incarnation == Some(session) && cookie.ids.last() == before.ids.last() {
                cookie.ids.push(rotation.to);
                cookie.stamp = Some(applied.stamp);
            }
        });
    }

    /// Signs a principal in over a session. The form may be sent a second time.
    pub(crate) async fn sign_in(&mut self, at: usize, id: SessionId) {
        let form = Form { id, principal: self.somebody() };
        if self.rng.u8(..10) < 7 {
            self.sim.with(|world| world.jar.0[at].form = Some(form.clone()));
        }
        self.send_form(at, &form).await;
    }

    /// Signs a principal in with the id of a session that has ended, or with one that was never issued.
    pub(crate) async fn sign_in_without_session(&mut self, at: usize, cookie: &Cookie) {
        let unknown = random_id(cookie.next.digest().partition(), &mut self.rng);
        self.sign_in(at, cookie.former.unwrap_or(unknown)).await;
    }

    /// Sends a form a second time, sometimes for another principal.
    pub(crate) async fn send_again(&mut self, at: usize, mut form: Form) {
        self.sim.with(|world| {
            world.coverage.count("forms sent again");
            world.jar.0[at].form = None;
        });
        if self.rng.u8(..4) == 0 {
            form.principal = self.somebody();
        }
        self.send_form(at, &form).await;
    }

    async fn send_form(&mut self, at: usize, form: &Form) {
        let idle = self.sim.with(|world| world.settings.idle);
        let rotation = Rotation {
            sign_in: Some(SignIn::new(form.principal.clone())),
            expiry: Some(Expiry::idle(idle)),
            ..self.rotation(&form.id, RotationKind::Privilege)
        };
        let Some(applied) = self.send(&form.id, &rotation).await else { return };
        self.open(at, rotation.to, LATEST, None).await;
        if self.arrives().await {
            self.sim.with(|world| {
                let cookie = &mut world.jar.0[at];
                if cookie.incarnation != Some(applied.stamp.incarnation()) {
                    cookie.former = cookie.ids.last().copied();
                    cookie.ids.clear();
                }
                cookie.ids.push(rotation.to);
                (cookie.incarnation, cookie.stamp) = (Some(applied.stamp.incarnation()), Some(applied.stamp));
            });
        }
    }

    fn somebody(&mut self) -> Principal {
        match Principal::new(["ada", "grace"][self.rng.usize(..2)]) {
            Ok(principal) => principal,
            Err(error) => unreachable!("a short name: {error}"),
        }
    }

    /// Sends a rotation until it is answered.
    async fn send(&mut self, id: &SessionId, rotation: &Rotation) -> Option<Applied> {
        let sent = self.sim.now();
        self.sim.with(|world| world.oracle.rotation_sent(id.digest(), rotation, sent));
        for attempt in 0..ATTEMPTS {
            let store = self.store.clone();
            let (known, called) = Known::after(self.call(store.rotate(id, rotation)).await);
            match known {
                Known::Answered(RotateOutcome::Rotated(applied)) => {
                    self.rotated(id, rotation, &applied, (sent, called));
                    return Some(applied);
                }
                Known::Answered(refusal) => {
                    self.note(|| format!("rotate {}: {refusal:?}", short(id.digest())));
                    self.sim.with(|world| world.oracle.refused_sign_in(rotation, &refusal, attempt == 0));
                    return None;
                }
                Known::Unknown if self.persists() => {}
                Known::Unknown | Known::Refused => return None,
            }
        }
        None
    }

    fn rotated(&self, id: &SessionId, rotation: &Rotation, applied: &Applied, (sent, called): (Millis, Millis)) {
        let to = rotation.to;
        let kind = if rotation.sign_in.is_some() { "SignIn".to_owned() } else { format!("{:?}", rotation.kind) };
        self.note(|| {
            format!("rotate {} to {} {kind}: {}", short(id.digest()), short(to.digest()), brief(applied.stamp))
        });
        self.applied(&to, applied, called);
        self.sim.with(|world| {
            world.coverage.count(if rotation.sign_in.is_some() { "sign-ins" } else { "rotations" });
            world.oracle.left(self.node, id.digest(), to.digest());
            if !rotation.delta.is_empty() {
                world.oracle.updates.acknowledge(u64::from(applied.stamp.incarnation()), rotation.write.op);
            }
            let stamp = applied.stamp;
            let moved = Moved { via: *id.digest(), sent, answered: world.now, stamp };
            let events = world.oracle.rotated(rotation, &moved);
            events.into_iter().for_each(|event| world.coverage.count(event));
        });
    }
}
