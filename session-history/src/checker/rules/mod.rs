//! The rules, one file each.

mod absence;
mod bounded_staleness;
mod counter;
mod destroyed;
mod destroyed_after_rotation;
mod exactly_once;
mod floors;
mod late_updates;
mod lost_updates;
mod monotonic_reads;
mod read_your_writes;
mod refused;
mod rotation;
mod store_reads;

use crate::checker::Rule;

/// All rules by their names.
pub const RULES: [(&str, Rule); 14] = [
    ("lost_updates", lost_updates::check),
    ("exactly_once", exactly_once::check),
    ("late_updates", late_updates::check),
    ("counter", counter::check),
    ("refused", refused::check),
    ("destroyed", destroyed::check),
    ("destroyed_after_rotation", destroyed_after_rotation::check),
    ("bounded_staleness", bounded_staleness::check),
    ("read_your_writes", read_your_writes::check),
    ("monotonic_reads", monotonic_reads::check),
    ("floors", floors::check),
    ("store_reads", store_reads::check),
    ("absence", absence::check),
    ("rotation", rotation::check),
];
