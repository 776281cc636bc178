//! Commands that a server does not know, because it is too old or because its configuration renames them.

use redis::ServerError;

/// The commands that the store sends, or that its scripts call. Only these are named in messages: the rest of a server's
/// text quotes arguments.
const KNOWN: [&str; 40] = [
    "ASKING",
    "AUTH",
    "CLUSTER",
    "DEL",
    "EVALSHA",
    "EXISTS",
    "GET",
    "GETEX",
    "HDEL",
    "HELLO",
    "HGET",
    "HGETALL",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HSET",
    "INCR",
    "PEXPIREAT",
    "PEXPIRETIME",
    "PTTL",
    "PUBLISH",
    "RENAME",
    "SCRIPT",
    "SELECT",
    "SENTINEL",
    "SET",
    "SPUBLISH",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "TIME",
    "TYPE",
    "UNLINK",
    "UNSUBSCRIBE",
    "WAIT",
    "ZADD",
    "ZCARD",
    "ZCOUNT",
    "ZRANGE",
    "ZREM",
];

/// The command that the server does not know, if that is what its error says.
pub(super) fn unknown_command(code: &str, details: Option<&str>) -> Option<&'static str> {
    let details = details.filter(|_| code == "ERR")?;
    let is_unknown =
        ["unknown command", "Unknown Redis command called from script", "Unknown command called from script"]
            .iter()
            .any(|beginning| details.starts_with(beginning));
    if !is_unknown {
        return None;
    }
    // Between quotes or, in old servers, backticks. An error of a script names none.
    let name = details.split(['\'', '`']).nth(1).unwrap_or_default();
    Some(KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name)).unwrap_or("one of a script"))
}

/// The same, of an error in place of a reply.
pub(super) fn unknown_command_of(error: &ServerError) -> Option<&'static str> {
    unknown_command(error.code(), error.details())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wording() {
        for (details, expected) in [
            ("unknown command 'EVALSHA', with args beginning with: 'swordfish' ", Some("EVALSHA")),
            ("unknown command `hello`, with args beginning with: `3`, `AUTH`, `user`, `swordfish`, ", Some("HELLO")),
            ("unknown command 'swordfish', with args beginning with: ", Some("one of a script")),
            ("Unknown Redis command called from script script: ab, on @user_script:1.", Some("one of a script")),
            ("DB index is out of range", None),
        ] {
            assert_eq!(unknown_command("ERR", Some(details)), expected, "{details}");
            assert_eq!(unknown_command("WEIRD", Some(details)), None);
        }
    }
}
