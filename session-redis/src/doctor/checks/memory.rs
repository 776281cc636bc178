//! Memory: the policy for a full memory, and how full it is.

use super::super::{facts::Facts, findings::Findings};

pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    match facts.setting("maxmemory-policy") {
        Some("noeviction") => findings.ok("eviction", "maxmemory-policy is noeviction: the server drops nothing"),
        Some(policy) => findings.critical(
            "eviction",
            format!(
                "maxmemory-policy is {policy}: when memory is full, the server drops sessions{}",
                if policy.starts_with("allkeys") {
                    ", the tombstones that keep ended sessions from coming back, and the counters of changes"
                } else {
                    " and the tombstones that keep ended sessions from coming back: all of them expire"
                }
            ),
            "CONFIG SET maxmemory-policy noeviction; use another server for a cache",
        ),
        None => {}
    }
    if let Some(evicted) = facts.info_number("evicted_keys").filter(|evicted| *evicted > 0) {
        let found = format!("the server has evicted {evicted} keys since its start");
        findings.warning("evicted", found, "set noeviction; sessions among those keys are lost");
    }
    limit(facts, findings);
}

fn limit(facts: &Facts, findings: &mut Findings) {
    let used = facts.info_number("used_memory").unwrap_or(0);
    match facts.setting_number("maxmemory") {
        Some(0) => findings.info(
            "maxmemory",
            "maxmemory is not set: the server grows until the operating system kills it",
            "set maxmemory well below the machine's memory: a full server then refuses new sessions and keeps the others",
        ),
        Some(most) if used.saturating_mul(10) >= most.saturating_mul(9) => findings.critical(
            "maxmemory",
            format!(
                "{} % of maxmemory is in use: a full server refuses new sessions and changes",
                used.saturating_mul(100) / most
            ),
            "raise maxmemory, or make sessions expire sooner",
        ),
        Some(most) => findings.ok("maxmemory", format!("{} % of maxmemory is in use", used.saturating_mul(100) / most)),
        None => {}
    }
}
