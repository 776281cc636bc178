//! The writers and readers.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use session_core::{
    Error, LoadOptions, SessionId,
    model::EndReason,
    store::{
        Absent, ApplyOutcome, CreateOutcome, Destroy, DestroyOutcome, Precondition, RotateOutcome, Rotation,
        RotationKind, SessionStore, Update,
    },
};

use super::{
    NODES, Soak,
    facts::{Deed, Facts, GRACE},
};

use crate::{
    node::{Seen, new_session, op, read as seen, step},
    within,
};

/// The place of a session. When the session has ended, another one takes the place.
pub(super) type Place = Arc<Mutex<Arc<Mutex<Facts>>>>;

pub(super) async fn place(soak: &Soak, random: &mut fastrand::Rng) -> Place {
    Arc::new(Mutex::new(live(soak, random).await))
}

/// Sends a request to one node after another until one answers. The request stays the same, so it is executed once.
async fn insist<T, F: Future<Output = Result<T, Error>>>(
    soak: &Soak,
    random: &mut fastrand::Rng,
    ask: impl Fn(Arc<dyn SessionStore>) -> F,
) -> (usize, T) {
    within("one of the nodes answers", async {
        loop {
            let node = random.usize(..NODES);
            match ask(soak.nodes[node].store.clone()).await {
                Ok(answer) => return (node, answer),
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    })
    .await
}

/// A new session.
async fn live(soak: &Soak, random: &mut fastrand::Rng) -> Arc<Mutex<Facts>> {
    let (id, new) = (SessionId::generate().unwrap(), new_session());
    let mut facts = Facts::new(id);
    let (node, outcome) = insist(soak, random, |store| {
        let new = new.clone();
        async move { store.create(&id, &new).await }
    })
    .await;
    assert!(matches!(outcome, CreateOutcome::Created(_) | CreateOutcome::AlreadyExists), "{outcome:?}");
    facts.created.done_by(node);
    facts.acknowledged(node, new.stamp());
    soak.lives.fetch_add(1, Relaxed);
    Arc::new(Mutex::new(facts))
}

/// The one writer of a place.
pub(super) async fn write(soak: Arc<Soak>, place: Place, mut random: fastrand::Rng) {
    while !soak.is_over() {
        let facts = place.lock().clone();
        let has_moved = facts.lock().moved.is_some();
        match random.u8(..100) {
            0..2 => {
                end(&soak, &facts, &mut random).await;
                let next = live(&soak, &mut random).await;
                *place.lock() = next;
            }
            2..6 if !has_moved => rotate(&soak, &facts, &mut random).await,
            _ => advance(&soak, &facts, &mut random).await,
        }
        tokio::time::sleep(Duration::from_millis(random.u64(..20))).await;
    }
}

/// Writes the next step. Sometimes another node then reads with that floor.
async fn advance(soak: &Soak, facts: &Mutex<Facts>, random: &mut fastrand::Rng) {
    let (id, update) = {
        let mut facts = facts.lock();
        facts.asked += 1;
        // A request that was held up must not be executed later.
        let base = Precondition::Stamp(facts.stamp.unwrap());
        (facts.home(), Update { preconditions: vec![base], ..Update::new(op(), step(facts.asked)) })
    };
    let (node, outcome) = insist(soak, random, |store| {
        let update = update.clone();
        async move { store.apply(&id, &update).await }
    })
    .await;
    let ApplyOutcome::Applied(applied) = outcome else { panic!("{outcome:?}: {:?}", facts.lock()) };
    let step = {
        let mut facts = facts.lock();
        facts.acknowledged(node, applied.stamp);
        facts.asked
    };
    soak.steps.fetch_add(1, Relaxed);
    if random.u8(..5) == 0 {
        let other = random.usize(..NODES);
        let options = LoadOptions { floor: Some(applied.stamp.into()), ..LoadOptions::default() };
        let answer = seen(&soak.nodes[other].load(&id, options).await);
        assert!(matches!(answer, Seen::Failed) || answer == Seen::Step(step), "{answer:?} at a floor of step {step}");
    }
}

async fn rotate(soak: &Soak, facts: &Mutex<Facts>, random: &mut fastrand::Rng) {
    let kind = if random.bool() { RotationKind::Renew } else { RotationKind::Privilege };
    let (id, to) = {
        let mut facts = facts.lock();
        facts.moved = Some((kind, Deed::asked()));
        (facts.first, facts.second)
    };
    let rotation = Rotation { grace: GRACE, ..Rotation::new(op(), to, kind) };
    let (node, outcome) = insist(soak, random, |store| {
        let rotation = rotation.clone();
        async move { store.rotate(&id, &rotation).await }
    })
    .await;
    let mut facts = facts.lock();
    match outcome {
        RotateOutcome::Rotated(applied) => facts.stamp = Some(applied.stamp),
        // The acknowledgement took longer than the old id is remembered.
        RotateOutcome::Absent(Absent::NotFound(_)) | RotateOutcome::Absent(Absent::Superseded) => {}
        other => panic!("{other:?}: {facts:?}"),
    }
    if let Some((_, deed)) = &mut facts.moved {
        deed.done_by(node);
    }
}

async fn end(soak: &Soak, facts: &Mutex<Facts>, random: &mut fastrand::Rng) {
    let id = {
        let mut facts = facts.lock();
        facts.ended = Some(Deed::asked());
        facts.home()
    };
    let destroy = Destroy::new(op(), EndReason::Logout);
    let (node, outcome) = insist(soak, random, |store| async move { store.destroy(&id, &destroy).await }).await;
    assert!(matches!(outcome, DestroyOutcome::Destroyed { .. }), "{outcome:?}");
    if let Some(deed) = &mut facts.lock().ended {
        deed.done_by(node);
    }
}

/// One reader of a place. It also reads sessions that have ended, and ids that sessions have left.
pub(super) async fn read(soak: Arc<Soak>, place: Place, mut random: fastrand::Rng) {
    let mut former = place.lock().clone();
    while !soak.is_over() {
        let present = place.lock().clone();
        let facts = if random.u8(..4) == 0 { former.clone() } else { present.clone() };
        if random.u8(..50) == 0 {
            former = present;
        }
        look(&soak, &facts, &mut random).await;
        tokio::time::sleep(Duration::from_millis(random.u64(..4))).await;
    }
}

async fn look(soak: &Soak, facts: &Mutex<Facts>, random: &mut fastrand::Rng) {
    let node = random.usize(..NODES);
    let (before, id) = {
        let facts = facts.lock();
        let is_first = facts.moved.is_none() || random.u8(..3) == 0;
        (facts.before(node, is_first), if is_first { facts.first } else { facts.second })
    };
    let answer = seen(&soak.nodes[node].load(&id, LoadOptions::default()).await);
    let stale = facts.lock().judge(before, answer).unwrap_or_else(|violation| panic!("{violation}"));
    let count = if answer == Seen::Failed { &soak.failed } else { &soak.answered };
    count.fetch_add(1, Relaxed);
    soak.stalest.fetch_max(u64::try_from(stale.as_millis()).unwrap(), Relaxed);
}
