//! What happens when memory runs out.

use super::super::{facts::Facts, notes::Notes};

pub(super) fn check(facts: &Facts, notes: &mut Notes) {
    match facts.set("maxmemory-policy") {
        Some("noeviction") => notes.ok("eviction", "maxmemory-policy is noeviction: nothing is dropped"),
        Some(policy) => notes.critical(
            "eviction",
            format!(
                "maxmemory-policy is {policy}: short of memory, the server drops sessions, and tombstones that keep ended \
                 sessions from coming back{}",
                if policy.starts_with("allkeys") { ", and the counters of changes" } else { " (all of them expire, so all may be dropped)" }
            ),
            "CONFIG SET maxmemory-policy noeviction; give a cache a server of its own",
        ),
        None => {}
    }
    if let Some(evicted) = facts.count("evicted_keys").filter(|evicted| *evicted > 0) {
        let found = format!("{evicted} keys were evicted since the server started");
        notes.warning("evicted", found, "if there were sessions among them, they are lost; set noeviction");
    }
    limit(facts, notes);
}

fn limit(facts: &Facts, notes: &mut Notes) {
    let used = facts.count("used_memory").unwrap_or(0);
    match facts.number("maxmemory") {
        Some(0) => notes.info(
            "maxmemory",
            "maxmemory is not set: the server grows until the system kills it",
            "set maxmemory well below the machine's memory; then new sessions are refused, and old ones live",
        ),
        Some(most) if used.saturating_mul(10) >= most.saturating_mul(9) => notes.critical(
            "maxmemory",
            format!(
                "{} % of maxmemory are in use: new sessions and changes are refused when it is full",
                used.saturating_mul(100) / most
            ),
            "raise maxmemory, or let sessions expire sooner",
        ),
        Some(most) => notes.ok("maxmemory", format!("{} % of maxmemory are in use", used.saturating_mul(100) / most)),
        None => {}
    }
}
