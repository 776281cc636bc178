//! Anything too large is refused whole, in the same step that would have stored it.

use session_core::{
    ErrorKind, SessionId,
    model::{Field, Value},
    store::{Absent, LoadOutcome, NewSession},
};

use crate::{
    model::{Changes, Model, changes},
    must::{Must as _, must_be},
    world::{World, new_id, update},
};

fn bytes(len: usize) -> Value {
    Value::from(vec![3; len])
}

/// Sends a delta that must be refused and must leave the session as it was.
async fn refused(world: &World, id: &SessionId, delta: &Changes) {
    let before = world.found(id).await.record;
    let error = must_be!(world.store().apply(id, &update(delta)).await, Err(error) => error);
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(world.found(id).await.record == before, "a refused update left a trace");
}

/// As many entries as allowed, in one delta.
fn full_of_entries(world: &World) -> Changes {
    let members = world.store().limits().max_entries;
    (0..members).fold(changes(), |all, at| all.insert_value("m", &at.to_string(), &Value::MEMBER))
}

/// As many bytes as allowed, in deltas of one value each.
fn full_of_bytes(world: &World) -> Vec<Changes> {
    let limits = world.store().limits();
    let (mut left, mut deltas) = (limits.max_session_bytes, Vec::new());
    while left > 0 {
        let name = format!("b{:06}", deltas.len());
        let mut len = left.saturating_sub(name.len()).min(limits.max_value_bytes);
        // The rest must hold another name, or nothing.
        let rest = left.saturating_sub(name.len() + len);
        if rest > 0 && rest <= name.len() {
            len -= name.len();
        }
        left -= (name.len() + len).min(left);
        deltas.push(changes().set_value(&name, &bytes(len)));
    }
    deltas
}

/// A value of the greatest length is stored. One byte more is refused, and nothing of its delta is applied.
pub(crate) async fn the_value_limit_is_exact(world: &World) {
    let max = world.store().limits().max_value_bytes;
    let (id, _) = world.start_with(&changes().set("a", "1")).await;
    let fits = changes().set_value("big", &bytes(max));
    world.apply(&id, &fits).await;
    refused(world, &id, &changes().set("b", "2").remove("a").set_value("big", &bytes(max + 1))).await;
    refused(world, &id, &changes().clear("cart").insert_value("cart", "sku", &bytes(max + 1))).await;
    assert_eq!(world.model(&id).await, Model::from(&changes().set("a", "1")).after(&fits));
}

/// The error names the field of the value, so that a user can find it.
pub(crate) async fn the_error_names_the_field(world: &World) {
    let id = world.start().await;
    let huge = changes().set_value("avatar", &bytes(world.store().limits().max_value_bytes + 1));
    let error = must_be!(world.store().apply(&id, &update(&huge)).await, Err(error) => error);
    assert_eq!(error.field().map(Field::as_str), Some("avatar"));
}

/// A session can hold exactly the limit of entries; replacing one at the limit is allowed.
pub(crate) async fn the_entry_limit_is_exact(world: &World) {
    let full = full_of_entries(world);
    let (id, _) = world.start_with(&full).await;
    refused(world, &id, &changes().set("one-more", "x")).await;
    refused(world, &id, &changes().remove_key("m", "0").insert("m", "new", "x").insert("m", "newer", "x")).await;
    world.apply(&id, &changes().insert_value("m", "0", &bytes(1))).await;
    world.apply(&id, &changes().remove_key("m", "0").set("one-more", "x")).await;
    assert_eq!(world.model(&id).await.len(), world.store().limits().max_entries);
}

/// A session can hold exactly the limit of bytes.
pub(crate) async fn the_size_limit_is_exact(world: &World) {
    let id = world.start().await;
    for delta in full_of_bytes(world) {
        world.apply(&id, &delta).await;
    }
    assert_eq!(world.found(&id).await.record.state().size_in_bytes(), world.store().limits().max_session_bytes);
    refused(world, &id, &changes().set_value("x", &Value::MEMBER)).await;
    refused(
        world,
        &id,
        &changes().remove("b000000").set_value("b000000-", &bytes(world.store().limits().max_value_bytes)),
    )
    .await;
}

/// A session at its limits can be emptied.
pub(crate) async fn removing_is_never_refused(world: &World) {
    let (id, _) = world.start_with(&full_of_entries(world)).await;
    world.apply(&id, &changes().remove_key("m", "1")).await;
    world.apply(&id, &changes().clear("m")).await;
    assert_eq!(world.model(&id).await, Model::default());
}

/// A session that would be too large from the start is not created.
pub(crate) async fn an_oversized_create_is_refused_whole(world: &World) {
    let huge = bytes(world.store().limits().max_value_bytes + 1);
    let entries = [full_of_entries(world).set("one-more", "x"), changes().set("a", "1").set_value("huge", &huge)];
    for entries in entries {
        let (id, new) = (new_id(), NewSession { entries: entries.delta(), ..world.new_session() });
        let error = must_be!(world.store().create(&id, &new).await, Err(error) => error);
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        must_be!(world.load(&id).await, LoadOutcome::Absent(Absent::NotFound(None)));
        world.store().create(&id, &world.new_session()).await.must();
    }
}

/// A refused update is not remembered: the same op id is applied once the delta fits.
pub(crate) async fn a_refusal_is_not_remembered(world: &World) {
    let (id, _) = world.start_with(&full_of_entries(world)).await;
    let attempt = update(&changes().set("one-more", "x"));
    must_be!(world.store().apply(&id, &attempt).await, Err(_));
    world.apply(&id, &changes().remove_key("m", "0")).await;
    assert!(!world.send(&id, &attempt).await.repeated);
}
