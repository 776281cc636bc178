//! What the sampled keys tell.

use super::super::{deployment::Deployment, facts::Facts, notes::Notes, sample::Sample};

pub(super) fn check(all: &[Facts], deployment: &Deployment, notes: &mut Notes) {
    let Some(sample) = all.iter().filter_map(|facts| facts.sample.clone()).reduce(sum) else { return };
    let Sample { keys, sessions, tombstones, immortal, mistyped, foreign, .. } = sample;
    notes.info(
        "sample",
        format!("of {keys} keys looked at, {sessions} are sessions and {tombstones} tombstones or forwards"),
        "",
    );
    if keys == 0 {
        return;
    }
    let prefix = &deployment.prefix;
    if immortal > 0 {
        notes.critical(
            "sessions-without-ttl",
            format!("{immortal} of {} sessions have no time to live: they never end, and fill the memory", sessions + tombstones),
            "something outside this library (PERSIST, RESTORE, a migration) wrote them: find it, and end those sessions",
        );
    } else {
        notes.ok("sessions-without-ttl", "every session looked at has a time to live");
    }
    if mistyped > 0 {
        let found = format!("{mistyped} keys of this store hold another type: those sessions are errors");
        notes.critical("foreign-keys", found, "another application writes under the prefix: give it another one");
    }
    if foreign > 0 {
        let found = format!("{foreign} keys under `{prefix}:` are not this store's");
        notes.warning(
            "foreign-keys",
            found,
            "give each application, and each number of partitions, a prefix of its own",
        );
    } else if mistyped == 0 {
        notes.ok("foreign-keys", format!("all keys looked at under `{prefix}:` are this store's"));
    }
    memory(&sample, notes);
}

fn memory(sample: &Sample, notes: &mut Notes) {
    let Some(mean) = sample.bytes.checked_div(sample.measured as u64) else { return };
    let large = sample.hashtables * 100 / sample.sessions.max(1);
    let found = format!("a session takes {mean} bytes in the mean; {large} % are in the encoding of large hashes");
    let remedy = match large {
        0..=50 => "",
        _ => {
            "if memory is short, raise hash-max-listpack-value above the size of usual values, and hash-max-listpack-entries"
        }
    };
    notes.info("memory-per-session", found, remedy);
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
