//! Concurrent requests on two nodes. Every acknowledged change is there in the end.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use session_core::{
    Error, SessionId,
    model::Value,
    store::{ApplyOutcome, CreateOutcome, LoadOutcome, NewSession, Precondition, SessionStore, TouchOptions, Update},
};

use crate::{
    model::{Changes, Model, changes, field, value},
    must::{Must as _, must_be},
    world::{World, at_store, new_id, update, update_if},
};

/// Sends an update from a task.
async fn sent(store: Arc<dyn SessionStore>, id: SessionId, update: Update) -> ApplyOutcome {
    store.apply(&id, &update).await.must()
}

/// Makes two changes at once, several times; both must be in the state.
async fn both_kept(world: &World, one: Changes, two: Changes) {
    for _ in 0..25 {
        let id = world.start().await;
        let changes = [one.clone(), two.clone()];
        let answers = world.race(2, |turn, store| sent(store, id, update(&changes[turn]))).await;
        for answer in answers {
            must_be!(answer, ApplyOutcome::Applied(_));
        }
        assert_eq!(world.model(&id).await, Model::from(&one).after(&two));
        assert_eq!(world.stamp(&id).await.version(), 3);
    }
}

/// Two requests that change two fields are both kept.
pub(crate) async fn two_fields_are_both_kept(world: &World) {
    both_kept(world, changes().set("cart", "1"), changes().set("theme", "dark")).await;
}

/// Two requests that change two keys of one cart are both kept.
pub(crate) async fn two_keys_of_one_cart_are_both_kept(world: &World) {
    both_kept(world, changes().insert("cart", "sku-1", "1"), changes().insert("cart", "sku-2", "2")).await;
}

/// A concurrent removal and addition are both kept.
pub(crate) async fn a_removal_and_an_addition_are_both_kept(world: &World) {
    for _ in 0..25 {
        let (id, _) = world.start_with(&changes().insert("cart", "sku-1", "1")).await;
        let both = [changes().remove_key("cart", "sku-1"), changes().insert("cart", "sku-2", "2")];
        world.race(2, |turn, store| sent(store, id, update(&both[turn]))).await;
        assert_eq!(world.model(&id).await, Model::from(&both[1]));
    }
}

/// Many writers with separate entries: no update is lost, and each counts once.
pub(crate) async fn no_update_of_many_writers_is_lost(world: &World) {
    const WRITERS: usize = 16;
    const EACH: usize = 8;
    let id = world.start().await;
    let writer = |writer: usize, store: Arc<dyn SessionStore>| async move {
        for step in 0..EACH {
            let line = changes().insert("cart", &format!("{writer}-{step}"), "1");
            must_be!(sent(store.clone(), id, update(&line)).await, ApplyOutcome::Applied(_));
        }
    };
    world.race(WRITERS, writer).await;
    assert_eq!(world.found(&id).await.record.state().keyed("cart").len(), WRITERS * EACH);
    assert_eq!(world.stamp(&id).await.version(), 1 + (WRITERS * EACH) as u64);
}

/// A clear of a cart and a concurrent insert have the outcome of one order or the other.
pub(crate) async fn a_clear_and_an_insert_are_serialized(world: &World) {
    for _ in 0..25 {
        let (id, _) = world.start_with(&changes().insert("cart", "old", "1")).await;
        let both = [changes().clear("cart"), changes().insert("cart", "new", "2").insert("cart", "newer", "3")];
        world.race(2, |turn, store| sent(store, id, update(&both[turn]))).await;
        let state = world.model(&id).await;
        assert!([Model::default(), Model::from(&both[1])].contains(&state), "a mixture: {state:?}");
    }
}

/// Reads until it has seen `states` states. Returns whether all were whole, that is, had all their entries from one
/// delta.
async fn read_whole(store: &dyn SessionStore, id: &SessionId, states: usize) -> bool {
    let (mut seen, mut last) = (0, None);
    while seen < states {
        let found = store.load(id, at_store()).await.must();
        let record = must_be!(found, LoadOutcome::Found(found) => found.record);
        let first = record.state().get("first");
        if record.state().keyed("others").any(|(_, other)| Some(other) != first) {
            return false;
        }
        seen += usize::from(last.replace(record.stamp()) != Some(record.stamp()));
        tokio::task::yield_now().await;
    }
    true
}

/// A writer replaces several entries by one delta. No reader ever sees some old and some new ones.
pub(crate) async fn readers_see_whole_deltas(world: &World) {
    const READERS: usize = 2;
    let all = |step: usize| {
        let step = step.to_string();
        (0..8).fold(changes().set("first", &step), |all, at| all.insert("others", &at.to_string(), &step))
    };
    let (id, _) = world.start_with(&all(0)).await;
    let done = Arc::new(AtomicUsize::new(0));
    let task = |turn: usize, store: Arc<dyn SessionStore>| {
        let done = done.clone();
        async move {
            if turn > 0 {
                let whole = read_whole(store.as_ref(), &id, 30).await;
                done.fetch_add(1, Ordering::Relaxed);
                return whole;
            }
            // The writer goes on until all readers are done, so that every read meets a running writer.
            for step in 1.. {
                must_be!(sent(store.clone(), id, update(&all(step))).await, ApplyOutcome::Applied(_));
                if done.load(Ordering::Relaxed) == READERS {
                    break;
                }
                tokio::task::yield_now().await;
            }
            true
        }
    };
    let whole = world.race(READERS + 1, task).await;
    assert!(!whole.contains(&false), "a reader saw half of a delta");
}

/// More attempts than the other tasks can win. They bound a case on a store that never lets any attempt win.
const ATTEMPTS: usize = 1_000;

/// Increments a counter by compare-and-set until it succeeds.
async fn increment(store: &dyn SessionStore, id: &SessionId, by_entry: bool) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let found = store.load(id, at_store()).await?;
        let record = must_be!(found, LoadOutcome::Found(found) => found.record);
        let old = record.state().get("count").cloned();
        let count = old.as_ref().map_or(0, |value| value.as_bytes().len());
        let when = match by_entry {
            true => Precondition::Scalar(field("count"), old),
            false => Precondition::Stamp(record.stamp()),
        };
        let longer = changes().set_value("count", &Value::from(vec![3; count + 1]));
        // Lets the other tasks run in between, even if the store's futures are never pending.
        tokio::task::yield_now().await;
        if let ApplyOutcome::Applied(_) = store.apply(id, &update_if(when, &longer)).await? {
            return Ok(());
        }
    }
    panic!("{ATTEMPTS} attempts failed, although the other tasks made at most a few dozen increments");
}

async fn counted(world: &World, by_entry: bool) {
    const TASKS: usize = 6;
    const EACH: usize = 5;
    let id = world.start().await;
    let task = move |_, store: Arc<dyn SessionStore>| async move {
        for _ in 0..EACH {
            increment(store.as_ref(), &id, by_entry).await.must();
        }
    };
    world.race(TASKS, task).await;
    let record = world.found(&id).await.record;
    assert_eq!(record.state().get("count").map(|value| value.as_bytes().len()), Some(TASKS * EACH));
    assert_eq!(record.stamp().version(), 1 + (TASKS * EACH) as u64);
}

/// Many concurrent compare-and-sets on the stamp count exactly.
pub(crate) async fn compare_and_set_on_the_stamp_counts_exactly(world: &World) {
    counted(world, false).await;
}

/// Many concurrent compare-and-sets on one entry count exactly.
pub(crate) async fn compare_and_set_on_an_entry_counts_exactly(world: &World) {
    counted(world, true).await;
}

/// Of several requests that take a one-time token, exactly one gets it.
pub(crate) async fn a_one_time_token_is_taken_once(world: &World) {
    for _ in 0..20 {
        let (id, _) = world.start_with(&changes().set("token", "t")).await;
        let when = Precondition::Scalar(field("token"), Some(value("t")));
        let take = |_, store| sent(store, id, update_if(when.clone(), &changes().remove("token")));
        let answers = world.race(6, take).await;
        let taken = answers.iter().filter(|answer| matches!(answer, ApplyOutcome::Applied(_))).count();
        assert_eq!(taken, 1, "{answers:?}");
    }
}

/// Of several creates on one id exactly one succeeds, and its session is the one that exists.
pub(crate) async fn one_of_many_creates_wins(world: &World) {
    for _ in 0..20 {
        let id = new_id();
        let news: Vec<NewSession> = (0..6).map(|_| world.new_session()).collect();
        let answers = world.race(6, |turn, store| {
            let new = news[turn].clone();
            async move { store.create(&id, &new).await.must() }
        });
        let answers = answers.await;
        let created = answers.iter().filter_map(|answer| match answer {
            CreateOutcome::Created(applied) => Some(applied.stamp),
            _ => None,
        });
        assert_eq!(created.collect::<Vec<_>>(), [world.stamp(&id).await], "{answers:?}");
    }
}

/// An update that arrives several times at once is applied once.
pub(crate) async fn an_update_sent_many_times_at_once_is_applied_once(world: &World) {
    for _ in 0..20 {
        let id = world.start().await;
        let once = update(&changes().set("theme", "dark"));
        let answers = world.race(6, |_, store| sent(store, id, once.clone())).await;
        let first = answers.iter().filter(|answer| matches!(answer, ApplyOutcome::Applied(it) if !it.repeated));
        assert_eq!(first.count(), 1, "{answers:?}");
        assert_eq!(world.stamp(&id).await.version(), 2);
    }
}

/// Concurrent touches lose no update.
pub(crate) async fn touches_lose_no_update(world: &World) {
    const TASKS: usize = 6;
    let id = world.start().await;
    let task = move |turn: usize, store: Arc<dyn SessionStore>| async move {
        for step in 0..10 {
            if turn.is_multiple_of(2) {
                store.touch(&id, TouchOptions::default()).await.must();
            } else {
                sent(store.clone(), id, update(&changes().insert("cart", &format!("{turn}-{step}"), "1"))).await;
            }
        }
    };
    world.race(TASKS, task).await;
    assert_eq!(world.model(&id).await.len(), TASKS / 2 * 10);
}
