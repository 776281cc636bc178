//! The delta algebra.

use std::hint::black_box;

use session_core::model::Delta;

use crate::{
    algebra::{Cart, Message},
    claim::Target,
    effort::Effort,
    in_turn::{InTurn, each},
    scalars,
    section::Section,
};

/// Compares deltas with maps of the standard library and with bincode.
pub fn section(effort: Effort) -> Section {
    let method = "One entry of 16 bytes changes in a map while a reader holds the state: a delta applied to a clone of \
                  the state, against a clone of a `BTreeMap<String, Vec<u8>>` of the same entries. A delta of 8 fields \
                  of 29 bytes is encoded for the wire and decoded, against bincode 2 with a `Vec<(String, Vec<u8>)>` \
                  by its own traits. Through serde bincode goes byte by byte; the table shows that too.";
    let mut section = Section::new("Delta algebra", method);
    shared(&mut section, effort);
    wire(&mut section, effort);
    section
}

fn shared(section: &mut Section, effort: Effort) {
    let carts = [100, 10_000].map(Cart::new);
    let [small, large] = &carts;
    let (ours, reference) = ("delta, 10,000 entries", "BTreeMap, 10,000 entries");
    let target = Target::AtMost(0.1);
    let (first, later) = (scalars(8, 16), scalars(2, 16));
    let costs = InTurn::new("ns")
        .until_decided(ours, reference, target)
        .subject(ours, || each(200, || drop(black_box(large.changed()))))
        .subject(reference, || each(2, || drop(black_box(large.copied()))))
        .subject("delta, 100 entries", || each(200, || drop(black_box(small.changed()))))
        .subject("BTreeMap, 100 entries", || each(50, || drop(black_box(small.copied()))))
        .subject("a delta of 8 fields cloned, then merged with one of 2", || {
            each(200, || drop(black_box(first.clone().then(black_box(&later)))))
        })
        .run(effort);
    let text = "Changing one entry of 10,000 while a reader holds the session, against copying the map";
    section.claims.push(costs.claim("delta.shared", text, (ours, reference), target));
    section.tables.push(costs.table("Time to change one entry, ns", ours));
}

const ALLOCATIONS: &str = "both are mostly the allocation of names and values, whose time differs from process to \
                           process: a decoding by bincode took 750 ns in one run and 500 in the next";

fn wire(section: &mut Section, effort: Effort) {
    const BATCH: u32 = 5_000;
    let message = Message::default();
    let target = Target::AtMost(1.0);
    let costs = InTurn::new("ns")
        .until_decided("delta, encode", "bincode, encode", target)
        .until_decided("delta, decode", "bincode, decode", target)
        .subject("delta, encode", || each(BATCH, || drop(black_box(black_box(&message.delta).to_bytes()))))
        .subject("bincode, encode", || each(BATCH, || drop(black_box(black_box(&message).encoded()))))
        .subject("bincode, encode through serde", || {
            each(BATCH, || drop(black_box(black_box(&message).encoded_by_serde())))
        })
        .subject("delta, decode", || {
            each(BATCH, || drop(black_box(Delta::from_bytes(black_box(&message).bytes.clone()))))
        })
        .subject("bincode, decode", || each(BATCH, || drop(black_box(black_box(&message).decoded()))))
        .subject("bincode, decode through serde", || {
            each(BATCH, || drop(black_box(black_box(&message).decoded_by_serde())))
        })
        .run(effort);
    for (way, verb) in [("encode", "Encoding"), ("decode", "Decoding")] {
        let names = [format!("delta, {way}"), format!("bincode, {way}")];
        let text = format!("{verb} a delta of 8 fields, against bincode's own traits and the same pairs");
        let claim = costs.claim(format!("delta.{way}"), &text, (&names[0], &names[1]), target);
        section.claims.push(claim.missed_because(ALLOCATIONS, 1.0..=1.15));
    }
    section.tables.push(costs.table("Time to encode or decode a delta of 8 fields of 29 bytes, ns", "delta, encode"));
}
