//! The permissions of the store's user: all that the store needs, and no more.

use super::super::{deployment::Deployment, facts::Facts, findings::Findings};

pub(super) fn check(facts: &Facts, deployment: &Deployment, findings: &mut Findings) {
    let name = &deployment.store_user;
    let user = match &facts.store_user {
        Some(Some(user)) if user.is_on() => user,
        Some(Some(_)) => {
            return findings.critical(
                "store-user",
                format!("the user `{name}` is off, so the store cannot connect"),
                "run ACL SETUSER with `on`",
            );
        }
        Some(None) => {
            return findings.critical(
                "store-user",
                format!("there is no user `{name}`; users are not replicated, so no store can connect after a failover to this server"),
                "define the same users in the ACL file of every server",
            );
        }
        None => return,
    };
    let mut missing: Vec<_> = facts.missing.iter().map(String::as_str).collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        findings.ok("acl-missing", format!("the user `{name}` may run every command that the store needs"));
    } else {
        let found = format!("the user `{name}` may not run commands that the store needs: {}", missing.join(", "));
        findings.critical("acl-missing", found, "grant the rule `session_redis::ACL_RULE`");
    }
    let mut broad: Vec<&str> = facts.dangerous.iter().filter_map(|command| command.split(' ').next()).collect();
    if user.may_run_everything() {
        broad.insert(0, "+@all");
    }
    broad.extend(user.beyond(&deployment.prefix));
    if broad.is_empty() {
        return findings.ok("acl-breadth", format!("the user `{name}` has no needless permissions"));
    }
    let advice =
        if deployment.is_own_user { "; if this user is the administrator, name the store's own user" } else { "" };
    findings.warning(
        "acl-breadth",
        format!("the user `{name}` has far more permissions than the store needs: {}", broad.join(", ")),
        format!("give the store a user with only the rule `session_redis::ACL_RULE`{advice}"),
    );
}
