//! S′ = (S − D) ∪ U on a live store, compared with a plain model.

use session_core::model::Value;

use crate::{
    model::{Changes, Model, changes},
    world::World,
};

fn sample() -> Changes {
    let cart = changes().insert("cart", "sku-1", "1").insert("cart", "sku-2", "2");
    cart.set("theme", "dark").set("name", "Ada").insert_value("roles", "admin", &Value::MEMBER)
}

/// Applies each list of changes as one delta to a sample session, and compares the session with the model after each.
async fn same_as_model(world: &World, steps: &[Changes]) {
    let (id, _) = world.start_with(&sample()).await;
    let mut model = Model::from(&sample());
    for step in steps {
        world.apply(&id, step).await;
        model = model.after(step);
        assert_eq!(world.model(&id).await, model, "after {step:?}");
    }
}

/// An update that only adds is a union: it adds and replaces entries, and leaves the others alone.
pub(crate) async fn union_adds_and_replaces(world: &World) {
    let steps = [
        changes().set("lang", "de").insert("cart", "sku-3", "3"),
        changes().set("theme", "light").insert("cart", "sku-1", "9"),
        changes().insert("new", "k", "v").set("new", "s"),
    ];
    same_as_model(world, &steps).await;
}

/// An update that only removes is a difference: of scalars, single keyed entries, and whole keyed fields.
pub(crate) async fn difference_removes(world: &World) {
    let steps = [changes().remove("theme"), changes().remove_key("cart", "sku-1"), changes().clear("cart")];
    same_as_model(world, &steps).await;
}

/// One delta can remove and add at once.
pub(crate) async fn one_delta_removes_and_adds(world: &World) {
    let steps = [
        changes().remove("theme").set("lang", "de").remove_key("cart", "sku-1").insert("cart", "sku-3", "3"),
        changes().remove("lang").clear("roles").insert("roles", "editor", "x").set("theme", "blue"),
    ];
    same_as_model(world, &steps).await;
}

/// Clearing a field and filling it again in one delta leaves exactly the new entries: first the difference, then the
/// union.
pub(crate) async fn clear_then_insert_replaces_the_field(world: &World) {
    let replace = changes().clear("cart").insert("cart", "sku-2", "7").insert("cart", "sku-9", "9");
    same_as_model(world, &[replace.clone(), replace]).await;
}

/// Inserting and then clearing in one delta leaves nothing.
pub(crate) async fn insert_then_clear_empties_the_field(world: &World) {
    same_as_model(world, &[changes().insert("cart", "sku-9", "9").clear("cart")]).await;
}

/// A keyed field whose last entry was removed is absent, and can be filled again.
pub(crate) async fn an_emptied_field_is_absent(world: &World) {
    let (id, _) = world.start_with(&sample()).await;
    world.apply(&id, &changes().remove_key("roles", "admin")).await;
    let record = world.found(&id).await.record;
    assert!(record.state().keyed_fields().all(|field| field.as_str() != "roles"));
    world.apply(&id, &changes().insert("roles", "editor", "x")).await;
    assert_eq!(world.found(&id).await.record.state().keyed("roles").len(), 1);
}

/// A scalar and a keyed field of the same name are independent: a change of one never affects the other.
pub(crate) async fn scalars_and_keyed_entries_are_separate(world: &World) {
    let steps = [
        changes().set("cart", "a scalar"),
        changes().clear("cart"),
        changes().insert("cart", "sku-1", "1").remove("cart"),
        changes().insert("theme", "", "the empty key"),
        changes().remove("theme"),
    ];
    same_as_model(world, &steps).await;
}

/// Removing an absent entry is an update like any other: it changes no entry, and the version grows.
pub(crate) async fn removing_an_absent_entry_counts_as_an_update(world: &World) {
    let (id, _) = world.start_with(&sample()).await;
    let nothing = changes().remove("absent").remove_key("cart", "absent").remove_key("absent", "k").clear("void");
    assert_eq!(world.apply(&id, &nothing).await.stamp.version(), 2);
    assert_eq!(world.model(&id).await, Model::from(&sample()));
}

/// Identity: the empty delta changes nothing, neither the version nor the deadline.
pub(crate) async fn the_empty_delta_is_the_identity(world: &World) {
    let (id, stamp) = world.start_with(&sample()).await;
    let before = world.found(&id).await.record;
    world.elapse(world.ticks(2)).await;
    let applied = world.apply(&id, &changes()).await;
    assert_eq!((applied.stamp, applied.repeated), (stamp, false));
    assert_eq!(world.found(&id).await.record, before);
}

/// Idempotence: a delta applied twice in a row, as two updates, leaves the same state as once.
pub(crate) async fn a_delta_is_idempotent(world: &World) {
    let delta = changes().clear("cart").insert("cart", "sku-5", "5").remove("theme").set("name", "Grace");
    let (id, _) = world.start_with(&sample()).await;
    world.apply(&id, &delta).await;
    let once = world.model(&id).await;
    world.apply(&id, &delta).await;
    assert_eq!(world.model(&id).await, once);
}

/// Closure: the composition of two deltas, applied as one, has the same effect as the two in sequence.
pub(crate) async fn composition_equals_applying_in_sequence(world: &World) {
    let deltas = [
        changes().clear("cart").set("theme", "a").remove("name"),
        changes().insert("cart", "sku-1", "x").remove_key("cart", "sku-2").set("name", "b"),
        changes().remove("theme").clear("roles").insert("cart", "sku-2", "y"),
    ];
    for first in &deltas {
        for second in &deltas {
            let (apart, _) = world.start_with(&sample()).await;
            world.apply(&apart, first).await;
            world.apply(&apart, second).await;
            let (at_once, _) = world.start_with(&sample()).await;
            let mut both = crate::world::update(&changes());
            both.delta = first.delta().then(&second.delta());
            assert_eq!(world.send(&at_once, &both).await.stamp.version(), 2);
            let expected = Model::from(&sample()).after(first).after(second);
            assert_eq!([world.model(&apart).await, world.model(&at_once).await], [expected.clone(), expected]);
        }
    }
}

/// Commutation: deltas that do not overlap give the same state in either order.
pub(crate) async fn disjoint_deltas_commute(world: &World) {
    let one = changes().set("theme", "a").remove_key("cart", "sku-1").clear("roles");
    let two = changes().remove("name").insert("cart", "sku-2", "b").set("roles", "c");
    assert!(!one.delta().overlaps(&two.delta()));
    let mut states = Vec::new();
    for order in [[&one, &two], [&two, &one]] {
        let (id, _) = world.start_with(&sample()).await;
        for delta in order {
            world.apply(&id, delta).await;
        }
        states.push(world.model(&id).await);
    }
    assert_eq!(states[0], states[1]);
}

/// Equivalence: a long run of arbitrary deltas leaves the same state as the model, at every step.
pub(crate) async fn arbitrary_deltas_match_the_model(world: &World) {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let steps: Vec<Changes> = (0..60)
        .map(|step| {
            (0..=draw(4)).fold(changes(), |delta, _| {
                let (field, key) = (format!("f{}", draw(3)), format!("k{}", draw(4)));
                match draw(6) {
                    0 => delta.set(&field, &format!("v{step}")),
                    1 => delta.remove(&field),
                    2 | 3 => delta.insert(&field, &key, &format!("v{step}")),
                    4 => delta.remove_key(&field, &key),
                    _ => delta.clear(&field),
                }
            })
        })
        .collect();
    same_as_model(world, &steps).await;
}
