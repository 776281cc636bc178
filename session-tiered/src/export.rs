//! Publishes the counters through the `metrics` facade. The crate docs list the names.

use crate::stats::Stats;

pub(crate) fn publish(stats: &Stats) {
    for (name, count) in stats.named() {
        metrics::counter!(format!("session_tiered_{name}")).absolute(count);
    }
    for (step, count) in (1_u32..).zip(stats.staleness) {
        metrics::counter!("session_tiered_staleness", "sixteenth" => step.to_string()).absolute(count);
    }
}
