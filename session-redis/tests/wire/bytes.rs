//! Bytes: the cost of an update depends on its delta, and not on the size of the session.

use session_core::model::{Delta, Field, Key, Value};

use crate::link::{Wire, fields, set};

async fn bytes_of(wire: &Wire, delta: Delta, entries: Delta) -> u64 {
    let id = wire.create(entries).await;
    wire.apply(&id, set("warm", 8)).await.expect("applied");
    let before = (wire.link.bytes_up(), wire.link.bytes_down());
    wire.apply(&id, delta).await.expect("applied");
    (wire.link.bytes_up() - before.0) + (wire.link.bytes_down() - before.1)
}

/// A one-field update of a session of 300 bytes and of one of 100 KB: the same bytes both ways, within 5 %.
#[tokio::test]
async fn a_small_update_of_a_large_session_is_small() {
    let wire = Wire::start().await;
    let small = bytes_of(&wire, set("theme", 32), fields(8, 32)).await;
    let large = bytes_of(&wire, set("theme", 32), fields(400, 250)).await;
    println!("one field of 32 bytes: {small} bytes both ways at 300 B, {large} at 100 KB");
    assert!(small.abs_diff(large) * 20 <= small, "{small} at 300 B, {large} at 100 KB");
    assert!(small < 800, "{small} bytes for a field of 32");
}

/// So do removals.
#[tokio::test]
async fn a_removal_sends_a_name() {
    let wire = Wire::start().await;
    let remove = || {
        let mut delta = Delta::new();
        delta.remove_key(Field::new("cart").expect("a name"), Key::new("sku-0003").expect("a key"));
        delta
    };
    let small = bytes_of(&wire, remove(), fields(8, 32)).await;
    let large = bytes_of(&wire, remove(), fields(400, 250)).await;
    assert!(small.abs_diff(large) * 20 <= small, "{small} at 300 B, {large} at 100 KB");
}

/// A delta that is too large for a message is sent once, not twice.
#[tokio::test]
async fn a_large_value_is_sent_once() {
    let wire = Wire::start().await;
    let mut delta = Delta::new();
    delta.set(Field::new("large").expect("a name"), Value::from(vec![3; 60_000]));
    let bytes = bytes_of(&wire, delta, fields(8, 32)).await;
    assert!(bytes < 61_000, "{bytes}");
}
