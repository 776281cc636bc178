//! The memory store.

use std::hint::black_box;

use session_core::store::{SessionStore, Update};
use session_memory::MemoryStore;

use crate::{
    Batches,
    claim::{Number, Target},
    create,
    effort::Effort,
    in_turn::{InTurn, each},
    memory::{Blob, Loaded},
    op, ready, scalars,
    section::Section,
};

/// A number of sessions that fits the processor's caches.
const SMALL: usize = 1_000;

/// Compares loads with bare maps, and an update with a blob that is written whole.
pub fn section(effort: Effort) -> Section {
    let method = "Loads through `&dyn SessionStore` of sessions of three values of 16 bytes, in a shuffled order, \
                  against bare papaya and dashmap with their default hashers, which use the same digest as key and \
                  return a clone of an `Arc`. \"No hashing\" takes 64 bits of the digest as the hash, as the store \
                  does. An untimed pass over 1,000 sessions precedes each batch; threads begin together. The update \
                  changes 2 of 20 fields. The blob is a `BTreeMap<String, Vec<u8>>` that bincode 2 decodes and encodes \
                  by its own traits.";
    let mut section = Section::new("Memory store", method);
    for keys in [SMALL, effort.pick(100_000, 1_000_000)] {
        let loaded = Loaded::new(keys);
        for threads in [1, 2] {
            loads(&mut section, &loaded, threads, effort);
        }
    }
    updates(&mut section, effort);
    section
}

fn loads(section: &mut Section, loaded: &Loaded, threads: usize, effort: Effort) {
    let keys = loaded.ids.len();
    // At least two milliseconds, for the store and for the reference.
    let batch = if keys == SMALL { effort.pick(60_000, 200_000) } else { 10_000 };
    let target = Target::AtMost(3.0);
    let gets = loaded.gets();
    let mut comparison = InTurn::new("ns").until_decided("memory store", "papaya", target).until_decided(
        "memory store",
        "dashmap",
        target,
    );
    for (at, (name, get)) in gets.iter().enumerate() {
        // The subjects start far apart, so that none finds in the processor's cache what another has just loaded.
        let mut batches = Batches { first: at * keys / gets.len(), threads, gets: batch };
        comparison = comparison.subject(*name, move || batches.next(&loaded.ids, get));
    }
    let costs = comparison.run(effort);
    // The faster of the two maps is the reference.
    let reference = if costs.median("papaya") < costs.median("dashmap") { "papaya" } else { "dashmap" };
    section.claims.push(costs.claim(
        format!("memory.load.{}.{threads}", if keys == SMALL { "small" } else { "large" }),
        &format!(
            "A load of one of {} sessions on {threads} thread(s), against the faster bare map with its default hasher",
            Number(keys as f64)
        ),
        ("memory store", reference),
        target,
    ));
    section.tables.push(
        costs.table(
            &format!("Time of a load, ns: {} sessions, {threads} thread(s)", Number(keys as f64)),
            "memory store",
        ),
    );
}

fn updates(section: &mut Section, effort: Effort) {
    const BATCH: u32 = 1_000;
    let memory = MemoryStore::new();
    let store: &dyn SessionStore = &memory;
    let id = create(store, scalars(20, 16)).expect("created");
    let delta = scalars(2, 16);
    let apply = || {
        let update = Update::new(op(), delta.clone());
        let _ = black_box(ready(store.apply(&id, &update))).expect("applied");
    };
    let (mut blob, mut by_serde) = (Blob::default(), Blob::default());
    let target = Target::AtMost(1.0);
    let (ours, held) = ("memory store, apply", "memory store, apply while a reader holds the record");
    let costs = InTurn::new("ns")
        .until_decided(ours, "bincode blob", target)
        .subject(ours, || each(BATCH, apply))
        .subject(held, || {
            each(BATCH, || {
                let reader = ready(store.load(&id, Default::default()));
                apply();
                drop(reader);
            })
        })
        .subject("bincode blob", move || each(BATCH, || blob.change()))
        .subject("bincode blob through serde", move || each(BATCH, || by_serde.change_by_serde()))
        .run(effort);
    let text = "An update of 2 of 20 fields, against decoding, changing and encoding 20 fields as a blob by bincode's own traits";
    section.claims.push(costs.claim("memory.apply", text, (ours, "bincode blob"), target));
    section.tables.push(costs.table("Time of an update of 2 of 20 fields, ns", ours));
}
