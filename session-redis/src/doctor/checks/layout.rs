//! Whether the store is laid out as configured.

use super::super::{
    deployment::Deployment,
    facts::{Declared, Facts},
    notes::Notes,
};

pub(super) fn check(facts: &Facts, deployment: &Deployment, notes: &mut Notes) {
    let (_, configured) = deployment.layout.declaration();
    let Deployment { prefix, partitions, .. } = deployment;
    match &facts.declared {
        Some(Declared::Nothing) => notes.info(
            "partitions",
            format!("no store was ever opened under the prefix `{prefix}`"),
            "check `prefix`, if there should be sessions",
        ),
        Some(Declared::Text(found)) if *found == configured => {
            notes.ok("partitions", format!("{partitions} partitions, as configured"));
        }
        Some(Declared::Text(found)) => match found.strip_prefix("1:").and_then(|count| count.parse::<u32>().ok()) {
            Some(count) => notes.critical(
                "partitions",
                format!("the sessions are in {count} partitions, and {partitions} are configured: no store will open"),
                format!("set `partitions` to {count}, or take another prefix"),
            ),
            None => notes.critical(
                "partitions",
                "the sessions were written by another version of the layout",
                "take another prefix, or that version",
            ),
        },
        Some(Declared::AnotherType) => {
            notes.critical("partitions", "the key that tells the layout holds something else", "take another prefix");
        }
        None => {}
    }
}
