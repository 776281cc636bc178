//! An ACL user, as the server describes it.

use redis::Value;

use super::reply::{items, pairs, text};

/// An ACL user of a server.
#[derive(Clone, Debug, Default)]
pub(super) struct User {
    flags: Vec<String>,
    /// The commands it may run, in the server's notation, followed by those of its selectors.
    pub(super) commands: String,
    /// Patterns of keys and channels, with their `~` or `&`.
    pub(super) patterns: Vec<String>,
}

impl User {
    /// Reads the reply to ACL GETUSER; `None` if there is no such user.
    pub(super) fn read(reply: &Value) -> Option<Self> {
        let described = pairs(reply);
        if described.is_empty() {
            return None;
        }
        let mut user = Self::default();
        for (name, value) in described {
            match name.as_str() {
                "flags" => user.flags = items(value).iter().filter_map(text).collect(),
                "selectors" => items(value).iter().flat_map(pairs).for_each(|(name, value)| user.add(&name, value)),
                name => user.add(name, value),
            }
        }
        Some(user)
    }

    fn add(&mut self, name: &str, value: &Value) {
        // Servers before 7.0 send patterns as a list.
        let words = text(value).unwrap_or_else(|| items(value).iter().filter_map(text).collect::<Vec<_>>().join(" "));
        match name {
            "commands" if self.commands.is_empty() => self.commands = words,
            "commands" => self.commands = format!("{} {words}", self.commands),
            "keys" | "channels" => self.patterns.extend(words.split_whitespace().map(str::to_owned)),
            _ => {}
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.flags.iter().any(|flag| flag == "on")
    }

    /// Whether a client can log in as this user without a password.
    pub(super) fn needs_no_password(&self) -> bool {
        self.flags.iter().any(|flag| flag == "nopass")
    }

    /// Whether it may run no command at all.
    pub(super) fn is_powerless(&self) -> bool {
        self.commands.split_whitespace().all(|word| word == "-@all")
    }

    pub(super) fn may_run_everything(&self) -> bool {
        self.commands.split_whitespace().any(|word| word == "+@all")
    }

    /// The patterns that match keys or channels outside a prefix.
    pub(super) fn beyond<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.patterns.iter().map(String::as_str).filter(move |pattern| {
            // `%R~pattern` and `%RW~pattern` permit reads or writes only.
            let pattern = pattern.split_once(['~', '&']).map_or(*pattern, |(_, pattern)| pattern);
            !pattern.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(':'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn user(keys: &str, commands: &str) -> User {
        let described = [("flags", Value::Array(vec![bulk("on")])), ("commands", bulk(commands)), ("keys", bulk(keys))];
        let described = described.into_iter().map(|(name, value)| (bulk(name), value)).collect();
        User::read(&Value::Map(described)).unwrap()
    }

    #[test]
    fn no_such_user() {
        assert!(User::read(&Value::Nil).is_none());
    }

    #[test]
    fn patterns_beyond_the_prefix() {
        let beyond = |keys: &str| user(keys, "-@all").beyond("shop").map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(beyond("~shop:* %R~shop:1:*"), [""; 0]);
        assert_eq!(beyond("~* ~shop* %RW~other:*"), ["~*", "~shop*", "%RW~other:*"]);
    }

    #[test]
    fn powers() {
        assert!(user("", "-@all").is_powerless());
        assert!(!user("", "-@all +get").is_powerless());
        assert!(user("", "+@all -flushall").may_run_everything());
    }
}
