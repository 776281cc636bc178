//! The memory and the bytes on the wire of a session.

use capacity::{Constants, Workload};

use crate::{
    claim::{Claim, Figure, Number, Ratio, Reason, Target},
    effort::Effort,
    footprint::{COPIED, FULL_CACHE_BYTES, Growth, Measured, PREDICTED, Shape, Stored, Wire},
    section::{Section, Table},
};

const ARENAS: &str = "glibc gives each thread its own arena, and memory that a copy frees in one arena is not reused \
                      in another: with one arena (`MALLOC_ARENA_MAX=1`) the same cache took 1.14 times its capacity, \
                      and with jemalloc 0.95, each measured once, by hand";

/// Measures sessions in Redis, on the wire, in the memory store, and in a node's cache.
pub fn section(effort: Effort) -> Section {
    let method = "In Redis: the difference of used_memory over many sessions of each shape. On the wire: bytes in both \
                  directions, counted by a proxy, without health checks. In this process: the growth of the resident \
                  set of a process of its own, with the allocator of glibc, three times each: sessions of three values \
                  of 16 bytes in the memory store, and copies in the cache of a node in front of Redis, which has room \
                  for all of them and a `max_age` of an hour, so that nothing is revalidated. The time of a create is \
                  that of the last step only: from twice to four times the sessions, against the first ones. \
                  `cache.booked`: a cache of 16 MiB after loads of many times its capacity, 64 at once; its resident \
                  memory includes the tables of the maps and of moka, and memory that the allocator cannot reuse.";
    let mut section = Section::new("Footprint", method);
    let found = Measured::once(effort);
    section.claims.push(grows(
        "memory.footprint.bytes",
        "Bytes of each session",
        Growth::bytes_each,
        &found.memory,
        1.1,
    ));
    section.claims.push(grows("memory.footprint.time", "Time of a create", Growth::nanos_each, &found.memory, 2.0));
    section.claims.push(full_cache(&found.full_cache));
    section.claims.push(wire(&found.wire));
    for stored in found.stored.iter().filter(|stored| PREDICTED.contains(&stored.shape)) {
        section.claims.push(predicted(found, stored));
    }
    section.tables.push(stored(&found.stored));
    section.tables.push(resident(found));
    section.tables.push(wires(&found.wire));
    section
}

fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    Ratio::of(figures.into_iter().collect()).median
}

fn grows(id: &str, what: &str, of: fn(&Growth) -> f64, times: &[[Growth; 3]], bound: f64) -> Claim {
    let unit = if id.ends_with("bytes") { "B" } else { "ns" };
    let figure = |step: usize| {
        let sessions = times.first().map_or(0, |steps| steps[step].sessions);
        let middle = median(times.iter().map(|steps| of(&steps[step])));
        Figure::new(format!("up to {} sessions", Number(sessions as f64)), middle, unit)
    };
    Claim {
        id: id.to_owned(),
        text: format!("{what}, with four times the sessions in the memory store"),
        ours: figure(2),
        reference: figure(0),
        ratio: Ratio::of(times.iter().map(|[some, _, most]| of(most) / of(some)).collect()),
        target: Target::AtMost(bound),
        missed_because: None,
    }
}

/// The memory of a full cache, compared with its capacity.
fn full_cache(times: &[Growth]) -> Claim {
    let capacity = FULL_CACHE_BYTES as f64;
    Claim {
        id: "cache.booked".to_owned(),
        text: "Resident memory of a full local cache of sessions of 8 fields of 29 B, against its capacity".to_owned(),
        ours: Figure::new("resident", median(times.iter().map(|growth| growth.bytes)) / 1_048_576.0, "MiB"),
        reference: Figure::new("capacity", capacity / 1_048_576.0, "MiB"),
        ratio: Ratio::of(times.iter().map(|growth| growth.bytes / capacity).collect()),
        target: Target::AtMost(1.15),
        missed_because: Some(Reason::new(ARENAS, 1.15..=1.35)),
    }
}

fn wire([small, large]: &[Wire; 2]) -> Claim {
    let (least, most) = (small.apply.min(large.apply), small.apply.max(large.apply));
    Claim {
        id: "redis.wire.update".to_owned(),
        text: "Bytes of an update of one field of 32 bytes, in a session of 100 KB against one of 300 B".to_owned(),
        ours: Figure::new("in 100 KB", large.apply, "B"),
        reference: Figure::new("in 300 B", small.apply, "B"),
        ratio: Ratio::exact(most, least),
        target: Target::AtMost(1.05),
        missed_because: None,
    }
}

/// Uses the model unchanged, which decides by the shape how Redis keeps a session.
fn predicted(found: &Measured, stored: &Stored) -> Claim {
    let ([redis_session_bytes, redis_entry_bytes, redis_bytes_per_byte], tables) = (found.packed(), found.tables());
    let [table_session_bytes, table_entry_bytes, table_bytes_per_byte] = tables;
    let constants = Constants {
        redis_session_bytes,
        redis_entry_bytes,
        redis_bytes_per_byte,
        table_session_bytes,
        table_entry_bytes,
        table_bytes_per_byte,
        ..Constants::default()
    };
    let Shape { fields, value } = stored.shape;
    let workload = Workload {
        entries: fields as f64,
        session_bytes: stored.payload,
        value_bytes: Some(value as f64 + 1.0),
        ..Workload::default()
    };
    let model = constants.stored(&workload);
    Claim {
        id: format!("capacity.memory.{fields}x{value}"),
        text: format!(
            "Capacity model of the bytes in Redis of a session of {}, fitted to other shapes",
            stored.shape.name()
        ),
        ours: Figure::new("model", model, "B"),
        reference: Figure::new("used_memory", stored.used_memory, "B"),
        ratio: Ratio::exact(model, stored.used_memory).folded(),
        target: Target::AtMost(1.25),
        missed_because: None,
    }
}

fn stored(all: &[Stored]) -> Table {
    let head = ["session", "encoding", "names and values", "used_memory", "MEMORY USAGE"];
    let mut table = Table::new("Bytes of one session in Redis", head);
    for stored in all {
        let cells = [stored.payload, stored.used_memory, stored.memory_usage].map(|bytes| Number(bytes).to_string());
        let [payload, used, usage] = cells;
        let encoding = if stored.is_table { "hash table" } else { "packed" };
        table.row([stored.shape.name(), encoding.to_owned(), payload, used, usage]);
    }
    table
}

fn resident(found: &Measured) -> Table {
    let head = ["where", "sessions", "bytes each", "ns each, in the last step"];
    let mut table = Table::new("Memory and time of a session in a process", head);
    let mut row = |place: String, growth: &Growth| {
        let cells = [growth.sessions as f64, growth.bytes_each(), growth.nanos_each()].map(|n| Number(n).to_string());
        let [sessions, bytes, nanos] = cells;
        table.row([place, sessions, bytes, nanos]);
    };
    let memory = found.memory.iter().flatten();
    memory.for_each(|growth| row("memory store, created, 3 values of 16 bytes".to_owned(), growth));
    for (shape, growth) in COPIED.iter().zip(&found.copies) {
        row(format!("cache of a node, loaded from Redis, {}", shape.name()), growth);
    }
    let place = "full cache of 16 MiB, 8 fields of 29 bytes";
    found.full_cache.iter().for_each(|growth| row(place.to_owned(), growth));
    table
}

type Of = fn(&Wire) -> f64;

fn wires([small, large]: &[Wire; 2]) -> Table {
    let head = ["", "session of 300 B", "session of 100 KB"];
    let mut table = Table::new("Bytes on the wire, in both directions; an update of one field of 32 bytes", head);
    let rows: [(&str, Of); 7] = [
        ("names and values", |wire| wire.payload),
        ("load", |wire| wire.load),
        ("conditional load, unchanged", |wire| wire.conditional),
        ("apply", |wire| wire.apply),
        ("touch", |wire| wire.touch),
        ("message to one subscriber", |wire| wire.message),
        ("heartbeat", |wire| wire.heartbeat),
    ];
    for (name, of) in rows {
        table.row([name.to_owned(), Number(of(small)).to_string(), Number(of(large)).to_string()]);
    }
    table
}
