//! What it costs to confirm a renewal.

use crate::{
    claim::{Claim, Figure, Ratio, Target},
    effort::Effort,
    in_turn::InTurn,
    redis::{
        Clients,
        renewal::{OPENS, Trips},
    },
    section::Section,
};

/// Compares the first use of a session after a renewal, which confirms it, with other uses.
pub(super) fn compare(section: &mut Section, clients: &Clients, effort: Effort) {
    let batch = effort.pick(50, 200);
    let (ours, reference) = ("a touch that confirms a renewal", "another touch");
    let target = Target::AtMost(3.0);
    let costs = InTurn::new("us")
        .until_decided(ours, reference, target)
        .subject(ours, || clients.touch(batch, true))
        .subject(reference, || clients.touch(batch, false))
        .run(effort);
    let text = "Time of the touch that confirms a renewal, which is once per renewal, against another touch";
    section.claims.push(costs.claim("redis.renewal.touch", text, (ours, reference), target));
    section.tables.push(costs.table("Time of a touch of a session of 8 fields of 29 B, us", ours));
    let [touch, opens] = clients.renewal_trips();
    let text = "Round trips of the touch that confirms a renewal, against another touch: one more, with the key of the \
                old id";
    section.claims.push(trips("redis.renewal.touch.trips", text, touch, 1));
    let text = format!(
        "Round trips of the first {OPENS} opens by the new id after a renewal, against a session that was not renewed: \
         one touch, which takes two"
    );
    section.claims.push(trips("redis.renewal.opens.trips", &text, opens, 2));
}

/// A claim that the renewal takes this many round trips more.
fn trips(id: &str, text: &str, found: Trips, more: usize) -> Claim {
    let (ours, reference) = (found.renewed as f64, found.other as f64);
    Claim {
        id: id.to_owned(),
        text: text.to_owned(),
        ours: Figure::new("after a renewal", ours, ""),
        reference: Figure::new("without", reference, ""),
        ratio: Ratio::exact(ours, reference),
        target: Target::AtMost((reference + more as f64) / reference),
        missed_because: None,
    }
}
