//! The constants of a machine that the model of `capacity` needs.

use std::fs;

use capacity::Constants;

use super::{
    Measured,
    measured::{LOADS, NODES, PUBLISHED, SUBSCRIBED, lone_read},
    operations::{SHAPES, WIDE},
    scenario::Fitted,
};
use crate::{
    effort::Effort,
    footprint::{self, Wire, fit},
};

/// The significant digits of a constant.
const DIGITS: i32 = 4;

/// Measures the constants on this machine. They are computed from medians; for a difference, from the medians of both
/// terms. Figures that this run has already measured are reused.
pub fn constants(effort: Effort) -> Constants {
    let measured = Measured::once(effort);
    rounded(Constants { machine: machine(measured), ..processors(measured, sizes(footprint::Measured::once(effort))) })
}

/// The CPU times, with everything else taken from `sizes`.
fn processors(measured: &Measured, sizes: Constants) -> Constants {
    let Fitted { apply, call, turn, message, write } = measured.fitted;
    // Beside updates a message is lost in their variation. The cost that a subscriber adds to a lone update is known,
    // though.
    let [unsubscribed, received] = PUBLISHED.map(|name| measured.messages.median(name));
    let message_us = ((received - unsubscribed) / SUBSCRIBED as f64).max(0.0);
    let loads = LOADS.map(|name| (measured.operations.median(name), measured.reads[name]));
    let (plain, script) = (lone_read(loads), call + turn);
    // Requests that arrived together also had a share of a system call and of a turn.
    let operation = |name: &str, read: f64| (measured.operations.median(name) - measured.reads[name] * read).max(0.0);
    let loads = ["load", "load of 64 fields", "load of 8 KB"].map(|name| operation(name, plain));
    let [load_us, load_entry_us, load_byte_us] =
        fit(SHAPES.iter().zip(loads).map(|((entries, bytes), us)| ([1.0, *entries, *bytes], us)));
    let [small, wide] = ["create", "create of 64 fields"].map(|name| operation(name, script));
    let create_entry_us = (wide - small).max(0.0) / (WIDE - 8) as f64;
    let turn_us = (plain - call).clamp(0.0, turn);
    let receiving = measured.receiving.median("listeners") - measured.receiving.median("no listeners");
    Constants {
        load_us,
        load_entry_us,
        load_byte_us,
        conditional_us: operation("conditional load", plain),
        apply_us: apply,
        touch_us: operation("touch", script),
        create_us: (small - 8.0 * create_entry_us).max(0.0),
        create_entry_us,
        destroy_us: operation("destroy", script),
        heartbeat_us: measured.heartbeats.median("heartbeat among 250"),
        turn_us,
        script_us: turn - turn_us,
        hear_us: (receiving / NODES as f64).max(0.0),
        heard_after_us: measured.received_after,
        message_us,
        write_us: (message + write - message_us).max(0.0),
        ..measured.fitted.constants(&sizes)
    }
}

/// The bytes in Redis, in a node and on the wire.
fn sizes(footprint: &footprint::Measured) -> Constants {
    let [redis_session_bytes, redis_entry_bytes, redis_bytes_per_byte] = footprint.packed();
    let [table_session_bytes, table_entry_bytes, table_bytes_per_byte] = footprint.tables();
    let [copy_bytes, copy_entry_bytes, copy_bytes_per_byte] = footprint.copied();
    let [wire, large] = &footprint.wire;
    let besides = |wire: &Wire| wire.load - wire.payload;
    let load_entry_wire_bytes = (besides(large) - besides(wire)) / (large.entries - wire.entries);
    Constants {
        redis_session_bytes,
        redis_entry_bytes,
        redis_bytes_per_byte,
        table_session_bytes,
        table_entry_bytes,
        table_bytes_per_byte,
        copy_bytes,
        copy_entry_bytes,
        copy_bytes_per_byte,
        load_wire_bytes: besides(wire) - load_entry_wire_bytes * wire.entries,
        load_entry_wire_bytes,
        conditional_wire_bytes: wire.conditional,
        apply_wire_bytes: wire.apply - 2.0 * wire.delta,
        touch_wire_bytes: wire.touch,
        message_wire_bytes: wire.message - wire.delta,
        heartbeat_wire_bytes: wire.heartbeat,
        ..Constants::default()
    }
}

/// More digits than were measured would only make the file hard to read.
fn rounded(constants: Constants) -> Constants {
    let mut figures = serde_json::to_value(&constants).expect("figures");
    for figure in figures.as_object_mut().into_iter().flat_map(|object| object.values_mut()) {
        if let Some(exact) = figure.as_f64().filter(|exact| *exact > 0.0) {
            let unit = 10_f64.powi(DIGITS - 1 - exact.log10().floor() as i32);
            *figure = ((exact * unit).round() / unit).into();
        }
    }
    serde_json::from_value(figures).unwrap_or(constants)
}

fn machine(measured: &Measured) -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}, {}, loopback", model.unwrap_or("an unknown processor"), measured.server)
}
