//! A typed session compared with a plain map, over a store that loses requests and answers.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use session_core::{ErrorKind, Expiry, Session};
use session_test::{Fault, Target};

use crate::{World, world};

/// Maps the name of an entry (field, key) to its value. Scalars have no key.
type Model = BTreeMap<(&'static str, Option<u8>), u32>;

const SCALARS: [&str; 2] = ["a", "b"];
const MAPS: [&str; 2] = ["a", "m"];
const SET: &str = "s";

#[derive(Clone, Debug)]
enum Step {
    Insert(usize, u32),
    Remove(usize),
    MapInsert(usize, u8, u32),
    MapRemove(usize, u8),
    Clear(usize),
    SetInsert(u8),
    SetRemove(u8),
    Update(usize, u8),
    Take(usize),
    Commit,
    CommitIfUnchanged,
    SetExpiry(u64),
    Discard,
    Reopen,
    /// The next write has this fault, or none.
    Fault(Option<Fault>),
    /// Another request writes an entry that this one never changes.
    Other(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop::sample::select(vec![
        Some(Fault::LoseRequest),
        Some(Fault::LoseAnswer),
        Some(Fault::Fail(ErrorKind::Unavailable)),
        None,
    ]);
    let step = prop_oneof![
        3 => (0..2usize, 0..9u32).prop_map(|(field, n)| Step::Insert(field, n)),
        1 => (0..2usize).prop_map(Step::Remove),
        3 => (0..2usize, 0..3u8, 0..9u32).prop_map(|(field, key, n)| Step::MapInsert(field, key, n)),
        2 => (0..2usize, 0..3u8).prop_map(|(field, key)| Step::MapRemove(field, key)),
        1 => (0..2usize).prop_map(Step::Clear),
        1 => (0..3u8).prop_map(Step::SetInsert),
        1 => (0..3u8).prop_map(Step::SetRemove),
        1 => (0..2usize, 0..3u8).prop_map(|(field, key)| Step::Update(field, key)),
        1 => (0..2usize).prop_map(Step::Take),
        4 => Just(Step::Commit),
        1 => Just(Step::CommitIfUnchanged),
        1 => (1_000..2_000u64).prop_map(Step::SetExpiry),
        1 => Just(Step::Discard),
        1 => Just(Step::Reopen),
        2 => fault.prop_map(Step::Fault),
        1 => any::<u32>().prop_map(Step::Other),
    ];
    prop::collection::vec(step, 1..40)
}

/// Settles everything. Each fault fails at most one call.
async fn commit(session: &mut Session) {
    for _ in 0..100 {
        // A new session is stored also while it is empty, so that the other requests find it.
        let committed = if session.is_new() { session.persist().await } else { session.commit().await };
        if committed.is_ok() {
            return;
        }
    }
    panic!("the session cannot be committed");
}

fn seen(session: &mut Session) -> Model {
    let mut seen = Model::new();
    for field in SCALARS {
        seen.extend(session.get(field).unwrap().map(|n| ((field, None), n)));
    }
    for field in MAPS {
        seen.extend(session.map(field).iter::<u8, u32>().map(|it| it.unwrap()).map(|(key, n)| ((field, Some(key)), n)));
    }
    seen.extend(session.members(SET).iter::<u8>().map(|key| ((SET, Some(key.unwrap())), 0)));
    seen
}

async fn run(world: &World, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut session = world.sessions.create().unwrap();
    // What is committed, and what the handle sees.
    let (mut stored, mut model) = (Model::new(), Model::new());
    for step in steps {
        match step {
            Step::Insert(field, n) => {
                session.set(SCALARS[field], n).unwrap();
                model.insert((SCALARS[field], None), n);
            }
            Step::Remove(field) => {
                session.remove(SCALARS[field]);
                model.remove(&(SCALARS[field], None));
            }
            Step::MapInsert(field, key, n) => {
                session.map_mut(MAPS[field]).insert(key, n).unwrap();
                model.insert((MAPS[field], Some(key)), n);
            }
            Step::MapRemove(field, key) => {
                session.map_mut(MAPS[field]).remove(key).unwrap();
                model.remove(&(MAPS[field], Some(key)));
            }
            Step::Clear(field) => {
                session.map_mut(MAPS[field]).clear();
                model.retain(|(name, key), _| *name != MAPS[field] || key.is_none());
            }
            Step::SetInsert(key) => {
                session.members_mut(SET).insert(key).unwrap();
                model.insert((SET, Some(key)), 0);
            }
            Step::SetRemove(key) => {
                session.members_mut(SET).remove(key).unwrap();
                model.remove(&(SET, Some(key)));
            }
            Step::Update(field, key) => {
                commit(&mut session).await;
                while session.map_mut(MAPS[field]).update(key, |n: u32| n + 1).await.is_err() {}
                *model.entry((MAPS[field], Some(key))).or_default() += 1;
                stored = model.clone();
            }
            Step::Take(field) => {
                commit(&mut session).await;
                let taken = loop {
                    if let Ok(taken) = session.take::<u32>(SCALARS[field]).await {
                        break taken;
                    }
                };
                prop_assert_eq!(taken, model.remove(&(SCALARS[field], None)));
                stored = model.clone();
            }
            Step::Commit => {
                commit(&mut session).await;
                stored = model.clone();
            }
            Step::CommitIfUnchanged => {
                // This outcome is not checked. After any outcome, the next commit must settle everything.
                session.commit_if_unchanged().await.ok();
                commit(&mut session).await;
                stored = model.clone();
            }
            Step::SetExpiry(seconds) => {
                let expiry = Expiry::absolute(Duration::from_secs(seconds));
                while session.set_expiry(expiry).await.is_err() {}
                if !session.is_new() {
                    stored = model.clone();
                }
                prop_assert_eq!(session.expires_in(), Duration::from_secs(seconds));
            }
            Step::Discard => {
                if session.has_unsettled() {
                    commit(&mut session).await;
                    stored = model.clone();
                }
                session.discard();
                model = stored.clone();
            }
            Step::Reopen => {
                commit(&mut session).await;
                stored = model.clone();
                session = world.sessions.open(session.id()).await.unwrap();
            }
            Step::Fault(Some(fault)) => world.store.inject(Target::Write, fault),
            Step::Fault(None) => world.store.pass_next(Target::Write),
            Step::Other(n) if !session.is_new() => {
                // Without the faults, which apply to this request only.
                let others = session_core::Sessions::new(world.store.inner().clone());
                let mut other = others.open(session.id()).await.unwrap();
                other.map_mut("other").insert(n % 4, n).unwrap();
                other.commit().await.unwrap();
            }
            Step::Other(_) => {}
        }
        prop_assert_eq!(seen(&mut session), model.clone());
    }
    commit(&mut session).await;
    let mut fresh = world.sessions.open(session.id()).await.unwrap();
    prop_assert_eq!(seen(&mut fresh), model);
    Ok(())
}

proptest! {
    #[test]
    fn a_session_is_a_map(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(&world(), steps))?;
    }
}
