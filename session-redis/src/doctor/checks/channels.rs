//! Other users that may publish on the channels of the prefix.

use super::super::{deployment::Deployment, facts::Facts, findings::Findings};

pub(super) fn check(facts: &Facts, deployment: &Deployment, findings: &mut Findings) {
    let Some(others) = &facts.other_users else { return };
    let prefix = &deployment.prefix;
    if !others.writers.is_empty() {
        findings.info(
            "acl-writers",
            format!("other users may change sessions and publish on `{prefix}:*`: {}", others.writers.join(", ")),
            "check that these are administrators, and give each other application a user of its own",
        );
    }
    if others.publishers.is_empty() {
        return findings.ok("acl-publish", format!("no other application may publish on `{prefix}:*`"));
    }
    findings.warning(
        "acl-publish",
        format!(
            "other users may publish on `{prefix}:*`, and so make caches serve sessions of their making: {}",
            others.publishers.join(", ")
        ),
        "run ACL SETUSER with `resetchannels` for each of them, and then grant the channels that it needs",
    );
}
