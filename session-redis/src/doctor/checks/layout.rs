//! Whether the stored layout matches the configuration.

use super::super::{
    deployment::Deployment,
    facts::{Declared, Facts},
    findings::Findings,
};

pub(super) fn check(facts: &Facts, deployment: &Deployment, findings: &mut Findings) {
    let (_, configured) = deployment.layout.declaration();
    let Deployment { prefix, partitions, .. } = deployment;
    match &facts.declared {
        Some(Declared::Nothing) => findings.info(
            "partitions",
            format!("no store has ever been opened under the prefix `{prefix}`"),
            "check `prefix` if there should be sessions",
        ),
        Some(Declared::Text(found)) if *found == configured => {
            findings.ok("partitions", format!("there are {partitions} partitions, as configured"));
        }
        Some(Declared::Text(found)) => match found.strip_prefix("1:").and_then(|count| count.parse::<u32>().ok()) {
            Some(count) => findings.critical(
                "partitions",
                format!(
                    "the sessions are in {count} partitions and {partitions} are configured, so no store can be opened"
                ),
                format!("set `partitions` to {count}, or use another prefix"),
            ),
            None => findings.critical(
                "partitions",
                "another version of the layout wrote the sessions",
                "use another prefix, or that version",
            ),
        },
        Some(Declared::AnotherType) => {
            findings.critical("partitions", "the key of the layout holds another type of value", "use another prefix");
        }
        None => {}
    }
}
