//! Whether the store's user may do what it must, and no more.

use super::super::{deployment::Deployment, facts::Facts, notes::Notes};

pub(super) fn check(facts: &Facts, deployment: &Deployment, notes: &mut Notes) {
    let name = &deployment.store_user;
    let user = match &facts.store_user {
        Some(Some(user)) if user.is_on() => user,
        Some(Some(_)) => {
            return notes.critical(
                "store-user",
                format!("the user `{name}` is off, so the store cannot connect"),
                "ACL SETUSER with `on`",
            );
        }
        Some(None) => {
            return notes.critical(
                "store-user",
                format!("there is no user `{name}`; users are not replicated, so a failover to a server without it ends all service"),
                "put the same users into the ACL file of every server",
            );
        }
        None => return,
    };
    let mut missing: Vec<_> = facts.missing.iter().map(String::as_str).collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        notes.ok("acl-missing", format!("the user `{name}` may do all that the store needs"));
    } else {
        let found = format!("the user `{name}` may not do what the store needs: {}", missing.join(", "));
        notes.critical("acl-missing", found, "grant the rule in the README (`session_redis::ACL_RULE`)");
    }
    let mut broad: Vec<&str> = facts.dangerous.iter().filter_map(|command| command.split(' ').next()).collect();
    if user.may_run_everything() {
        broad.insert(0, "+@all");
    }
    broad.extend(user.beyond(&deployment.prefix));
    if broad.is_empty() {
        return notes.ok("acl-breadth", format!("the user `{name}` may do little else"));
    }
    let whose = if deployment.is_own_user { "; if this is the administrator, name the store's own user" } else { "" };
    notes.warning(
        "acl-breadth",
        format!("the user `{name}` may do far more than the store needs: {}", broad.join(", ")),
        format!("give the store a user with `session_redis::ACL_RULE` only{whose}"),
    );
}
