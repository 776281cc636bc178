//! Who gets in without a password.

use super::super::{facts::Facts, notes::Notes};

pub(super) fn check(facts: &Facts, notes: &mut Notes) {
    let is_open =
        facts.default_user.as_ref().map(|user| user.is_on() && user.needs_no_password() && !user.is_powerless());
    let protected = facts.set("protected-mode").map(|mode| mode == "yes");
    let listens = facts.set("bind").is_some_and(listens_outside);
    let is_exposed = !facts.is_local() || (protected == Some(false) && listens);
    match is_open {
        Some(true) if is_exposed => notes.critical(
            "default-user",
            "whoever reaches the server gets in without a password, and may do everything",
            "`user default off` and a user for each application, or `requirepass`",
        ),
        Some(true) => notes.info(
            "default-user",
            "every process on the server's machine gets in without a password",
            "`user default off` and a user for each application, or `requirepass`",
        ),
        Some(false) => notes.ok("default-user", "nobody gets in without a password"),
        None => {}
    }
    match protected {
        Some(false) if is_open == Some(true) => notes.warning(
            "protected-mode",
            "protected-mode is off, and there is no password: only `bind` and the firewall keep strangers out",
            "CONFIG SET protected-mode yes, and set a password",
        ),
        Some(false) => notes.ok("protected-mode", "protected-mode is off, and a password is asked for"),
        Some(true) => notes.ok("protected-mode", "protected-mode is on"),
        None => {}
    }
}

/// Whether a `bind` has more than addresses of the machine itself; an empty one means all.
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
