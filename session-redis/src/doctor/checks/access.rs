//! Access without a password.

use super::super::{facts::Facts, findings::Findings};

pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let is_open =
        facts.default_user.as_ref().map(|user| user.is_on() && user.needs_no_password() && !user.is_powerless());
    let protected = facts.setting("protected-mode").map(|mode| mode == "yes");
    let listens = facts.setting("bind").is_some_and(listens_outside);
    let is_exposed = !facts.is_local() || (protected == Some(false) && listens);
    match is_open {
        Some(true) if is_exposed => findings.critical(
            "default-user",
            "anyone who reaches the server gets full access without a password",
            "set `user default off` and create a user for each application, or set `requirepass`",
        ),
        Some(true) => findings.info(
            "default-user",
            "every process on the server's machine gets full access without a password",
            "set `user default off` and create a user for each application, or set `requirepass`",
        ),
        Some(false) => findings.ok("default-user", "the default user gives no access without a password"),
        None => {}
    }
    match protected {
        Some(false) if is_open == Some(true) => findings.warning(
            "protected-mode",
            "protected-mode is off and there is no password: only `bind` and the firewall keep strangers out",
            "CONFIG SET protected-mode yes, and set a password",
        ),
        Some(false) => findings.ok("protected-mode", "protected-mode is off, and a password is required"),
        Some(true) => findings.ok("protected-mode", "protected-mode is on"),
        None => {}
    }
}

/// Whether a `bind` setting names an address beyond the machine itself. An empty one means all addresses.
fn listens_outside(bind: &str) -> bool {
    let is_loopback = |address: &str| {
        let address = address.trim_start_matches('-');
        address == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    !bind.split_whitespace().all(is_loopback) || bind.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_outside() {
        for inside in ["127.0.0.1", "127.0.0.1 -::1"] {
            assert!(!listens_outside(inside), "{inside}");
        }
        for outside in ["", "* -::*", "127.0.0.1 10.0.0.1", "0.0.0.0"] {
            assert!(listens_outside(outside), "{outside}");
        }
    }
}
