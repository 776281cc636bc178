//! What the model of `session_examples::capacity` needs to know of a machine.

use std::fs;

use session_examples::capacity::Constants;

use super::Measured;
use crate::{
    effort::Effort,
    footprint::{self, line},
};

/// Measured on this machine, by the quickest batches: whatever else it does makes the others slower. What has been measured in this run already is not measured again.
pub fn constants(effort: Effort) -> Constants {
    let (measured, footprint) = (Measured::once(effort), footprint::Measured::once(effort));
    let (message_us, write_us) = subscriber(measured);
    let call_us = call(measured);
    // Requests that came with others had a part in a system call too.
    let operation = |name: &str| (measured.operations.least(name) - measured.reads * call_us).max(0.0);
    let hearing = measured.hearing.least("listeners") - measured.hearing.least("no listeners");
    let [few, many] = &footprint.stored[..2] else { unreachable!("those that are fitted come first") };
    let (redis_session_bytes, redis_bytes_per_byte) =
        line((few.payload, few.used_memory), (many.payload, many.used_memory));
    let [small, large] = footprint.copies.map(|grown| grown.bytes_each());
    let (copy_bytes, copy_bytes_per_byte) = line((few.payload, small), (many.payload, large));
    let wire = &footprint.wire[0];
    Constants {
        machine: machine(measured),
        load_us: operation("load"),
        conditional_us: operation("conditional load"),
        apply_us: operation("apply"),
        touch_us: operation("touch"),
        create_us: operation("create"),
        destroy_us: operation("destroy"),
        heartbeat_us: measured.beats.least("heartbeat among 250"),
        call_us,
        message_us,
        write_us,
        hear_us: (hearing / super::measured::LISTENERS as f64).max(0.0),
        heard_after_us: measured.heard_after,
        redis_session_bytes,
        redis_bytes_per_byte,
        copy_bytes,
        copy_bytes_per_byte,
        load_wire_bytes: wire.load - wire.payload,
        conditional_wire_bytes: wire.conditional,
        apply_wire_bytes: wire.apply - 2.0 * wire.delta,
        touch_wire_bytes: wire.touch,
        message_wire_bytes: wire.message - wire.delta,
        heartbeat_wire_bytes: wire.heartbeat,
    }
}

/// A request that comes by itself takes a read and a write of its own.
fn call(measured: &Measured) -> f64 {
    (measured.beats.least("PING alone") - measured.beats.least("PING among 250")).max(0.0)
}

/// A message and a write: two batches that differ in how many messages go in one write.
fn subscriber(measured: &Measured) -> (f64, f64) {
    let (together, alone) = (&measured.together, &measured.alone);
    let write = ((alone.slope() - together.slope()) / (alone.writes - together.writes)).max(0.0);
    ((together.slope() - write * together.writes).max(0.0), write)
}

fn machine(measured: &Measured) -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}, {}, loopback", model.unwrap_or("an unknown processor"), measured.server)
}
