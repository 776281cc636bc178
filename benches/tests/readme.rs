//! The figures in the README are those of the last full run, which is in `report/`. With `ADOPT_REPORT` set, the test
//! writes them.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{fs, path::Path};

use serde_json::Value;
use session_benches::claim::{Number, Target};

/// The label, the id of the claim, and the reference.
const ROWS: [(&str, &str, &str); 12] = [
    ("local hit, 1,000 sessions, one thread", "tiered.hit.small.1", "bare moka"),
    ("local hit, a million sessions, two threads", "tiered.hit.large.2", "bare moka"),
    (
        "local hit, awaited: a shared record",
        "tiered.hit.tower-sessions",
        "tower-sessions' `CachingSessionStore`: a cloned map",
    ),
    ("the same", "tiered.hit.cache-aio", "client-side cache of redis-rs 0.32: a map converted from the reply"),
    ("Redis: loads, 64 at once", "redis.load.64", "bare redis-rs"),
    ("Redis: update of one field, one at a time", "redis.update.1.tower-sessions", "tower-sessions, load and save"),
    ("Redis: the same, 64 at once", "redis.update.64.tower-sessions", "tower-sessions, load and save"),
    ("hit rate on 8 nodes with a write in each request", "hit_rate.writes.8", "no writes"),
    ("commit on one node to visible on another, p99", "visible.p99", "bare `PUBLISH` to received"),
    ("memory store: load", "memory.load.small.1", "a bare map with its default hasher"),
    ("a full local cache, in memory", "cache.booked", "its capacity"),
    ("a value decoded from JSON through `Codecs`", "codec.json.decode", "serde_json alone"),
];
/// The text that follows the table and its summary.
const NEXT: &str = "[The last full run]";
const HEAD: &str = "| | ours | against | ratio | target |\n|---|---|---|---|---|\n";

fn table(claims: &[Value]) -> String {
    let mut table = HEAD.to_owned();
    for (what, id, against) in ROWS {
        let claim = claims.iter().find(|claim| claim["id"] == *id).unwrap_or_else(|| panic!("no claim {id}"));
        let figure = |name: &str| {
            let (value, unit) = (claim[name]["value"].as_f64().unwrap(), claim[name]["unit"].as_str().unwrap());
            format!("{} {unit}", Number(value)).trim_end().to_owned()
        };
        let ratio = Number(claim["ratio"]["median"].as_f64().unwrap());
        let ratio = if claim["verdict"] == "miss" { format!("**{ratio}**") } else { ratio.to_string() };
        let bound = |name: &str| claim["target"][name].as_f64();
        let target = bound("at_most").map(Target::AtMost).or(bound("at_least").map(Target::AtLeast)).unwrap();
        let (ours, reference) = (figure("ours"), figure("reference"));
        table += &format!("| {what} | {ours} | {against}: {reference} | {ratio} | {target} |\n");
    }
    let missed = claims.iter().filter(|claim| claim["verdict"] == "miss").count();
    table
        + &format!(
            "\nLower is better for time and memory, higher for throughput and hit rate. {missed} of {} targets are missed; those in this table are bold.\n\n",
            claims.len()
        )
}

#[test]
fn the_table_is_that_of_the_last_full_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let report: Value = serde_json::from_str(&fs::read_to_string(folder.join("report/report.json")).unwrap()).unwrap();
    let sections = report["sections"].as_array().unwrap().iter();
    let claims: Vec<Value> = sections.flat_map(|section| section["claims"].as_array().unwrap().clone()).collect();
    let expected = table(&claims);
    let path = folder.join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let from = readme.find(HEAD).expect("the table");
    let end = from + readme[from..].find(NEXT).expect("the text after the table");
    if std::env::var_os("ADOPT_REPORT").is_some() {
        fs::write(&path, [&readme[..from], &expected, &readme[end..]].concat()).unwrap();
        return;
    }
    assert_eq!(&readme[from..end], expected, "run this test once with ADOPT_REPORT=1");
}
