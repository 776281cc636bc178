//! The sampled keys.

use super::super::{deployment::Deployment, facts::Facts, findings::Findings, sample::Sample};

pub(super) fn check(all: &[Facts], deployment: &Deployment, findings: &mut Findings) {
    let Some(sample) = all.iter().filter_map(|facts| facts.sample.clone()).reduce(sum) else { return };
    let Sample { keys, sessions, tombstones, immortal, mistyped, foreign, .. } = sample;
    findings.info(
        "sample",
        format!("of {keys} sampled keys, {sessions} are sessions and {tombstones} are tombstones or forwards"),
        "",
    );
    if keys == 0 {
        return;
    }
    let prefix = &deployment.prefix;
    if immortal > 0 {
        findings.critical(
            "sessions-without-ttl",
            format!(
                "{immortal} of {} sessions have no time to live: they never expire, and fill the memory",
                sessions + tombstones
            ),
            "find the cause outside this library (PERSIST, RESTORE, a migration), and end those sessions",
        );
    } else {
        findings.ok("sessions-without-ttl", "every sampled session has a time to live");
    }
    if mistyped > 0 {
        let found =
            format!("{mistyped} keys of this store have a value of another type, so those sessions cannot be read");
        findings.critical(
            "foreign-keys",
            found,
            "another application writes under the prefix: give it a prefix of its own",
        );
    }
    if foreign > 0 {
        let found = format!("{foreign} keys under `{prefix}:` do not belong to this store");
        findings.warning(
            "foreign-keys",
            found,
            "give each application, and each number of partitions, a prefix of its own",
        );
    } else if mistyped == 0 {
        findings.ok("foreign-keys", format!("all sampled keys under `{prefix}:` belong to this store"));
    }
    memory(&sample, findings);
}

fn memory(sample: &Sample, findings: &mut Findings) {
    let Some(mean) = sample.bytes.checked_div(sample.measured as u64) else { return };
    let large = sample.hashtables * 100 / sample.sessions.max(1);
    let found = format!("a session takes {mean} bytes on average; {large} % have the encoding of large hashes");
    let remedy = match large {
        0..=50 => "",
        _ => {
            "if memory is short, raise hash-max-listpack-entries, and hash-max-listpack-value above the usual size of values"
        }
    };
    findings.info("memory-per-session", found, remedy);
}

fn sum(one: Sample, other: Sample) -> Sample {
    Sample {
        keys: one.keys + other.keys,
        sessions: one.sessions + other.sessions,
        tombstones: one.tombstones + other.tombstones,
        bytes: one.bytes.saturating_add(other.bytes),
        measured: one.measured + other.measured,
        hashtables: one.hashtables + other.hashtables,
        immortal: one.immortal + other.immortal,
        mistyped: one.mistyped + other.mistyped,
        foreign: one.foreign + other.foreign,
    }
}
