//! The permissions that the store needs, which are checked on each new connection before any write.

use crate::{
    layout::{Layout, Partition},
    protocol::SCRIPTS,
};

/// The least permissions that a user needs, as one rule of an ACL file. Missing permissions are reported at connect,
/// before any write.
///
/// Insert a name, a password, and the prefix (`sessions` by default). `~` precedes patterns of keys, `&` patterns of
/// channels. `wait` is for writes that wait for replicas; `cluster|slots`, `asking`, `spublish` and `ssubscribe` are for
/// clusters, `publish` and `subscribe` for everything else. A database other than 0 needs `+select` as well.
///
/// ```text
#[doc = include_str!("acl.txt")]
/// ```
pub const ACL_RULE: &str = include_str!("acl.txt");

/// The words of one command.
type Command<'a> = Vec<&'a [u8]>;

/// The commands that the store uses, each with keys and channels of this layout.
pub(crate) fn commands(layout: &Layout, is_cluster: bool, channel_command: &'static str) -> Vec<Vec<Vec<u8>>> {
    // One partition represents all, since permissions are patterns.
    let Some(partition) = layout.partitions().first() else { return Vec::new() };
    let key = [partition.sequence.as_ref(), b":check"].concat();
    let (declaration, declared) = layout.declaration();
    let mut all = of_scripts(&key, partition, channel_command.as_bytes());
    all.extend(of_connections(&key, partition, is_cluster));
    all.push(vec![b"GET", declaration.as_bytes()]);
    all.push(vec![b"SET", declaration.as_bytes(), declared.as_bytes(), b"NX", b"GET"]);
    all.into_iter().map(|words| words.into_iter().map(<[u8]>::to_vec).collect()).collect()
}

fn of_scripts<'a>(key: &'a [u8], partition: &'a Partition, publish: &'a [u8]) -> Vec<Command<'a>> {
    let (sequence, channel) = (&*partition.sequence, &*partition.channel);
    vec![
        vec![b"TIME"],
        vec![b"EXISTS", key],
        vec![b"HMGET", key, b"f"],
        vec![b"HGET", key, b"f"],
        vec![b"HKEYS", key],
        vec![b"HLEN", key],
        vec![b"HSET", key, b"f", b"v"],
        vec![b"HDEL", key, b"f"],
        vec![b"ZADD", key, b"1", b"m"],
        vec![b"ZREM", key, b"m"],
        vec![b"ZRANGE", key, b"0", b"1"],
        vec![b"ZCARD", key],
        vec![b"ZCOUNT", key, b"0", b"1"],
        vec![b"DEL", key],
        vec![b"RENAME", key, key],
        vec![b"PEXPIREAT", key, b"1"],
        vec![b"PEXPIRETIME", key],
        vec![b"INCR", sequence],
        vec![b"SET", sequence, b"1"],
        vec![publish, channel, b"m"],
    ]
}

fn of_connections<'a>(key: &'a [u8], partition: &'a Partition, is_cluster: bool) -> Vec<Command<'a>> {
    let subscribe: &[u8] = if is_cluster { b"SSUBSCRIBE" } else { b"SUBSCRIBE" };
    let mut all: Vec<Command<'_>> = vec![
        vec![b"HGETALL", key],
        vec![b"PTTL", key],
        vec![b"GETEX", &*partition.sequence, b"PERSIST"],
        vec![subscribe, &*partition.channel],
        vec![b"WAIT", b"0", b"1"],
        vec![b"SCRIPT", b"LOAD", b"s"],
        vec![b"EVALSHA", b"s", b"1", key],
    ];
    if is_cluster {
        all.extend([vec![b"CLUSTER".as_slice(), b"SLOTS"], vec![b"ASKING"]]);
    }
    all
}

/// The command that asks which of them are refused.
pub(crate) fn check(layout: &Layout, is_cluster: bool, channel_command: &'static str) -> redis::Cmd {
    let commands = commands(layout, is_cluster, channel_command);
    let mut cmd = SCRIPTS.permissions.command(&[], (commands.len() * 4, commands.len() * 64));
    for words in commands {
        cmd.arg(words.len());
        for word in words {
            cmd.arg(word);
        }
    }
    cmd
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule grants what is checked, and nothing else but what no check needs: the store checks exactly what it sends.
    #[test]
    fn the_rule_grants_what_the_store_sends_and_no_more() {
        let granted: std::collections::BTreeSet<String> =
            ACL_RULE.split_whitespace().filter_map(|word| word.strip_prefix('+')).map(str::to_owned).collect();
        let layout = Layout::new("shop", 0, 16);
        let mut checked = std::collections::BTreeSet::new();
        for (is_cluster, publish) in [(false, "PUBLISH"), (true, "SPUBLISH")] {
            for words in commands(&layout, is_cluster, publish) {
                let word = |at: usize| String::from_utf8_lossy(&words[at]).to_lowercase();
                checked.insert(match word(0).as_str() {
                    container @ ("script" | "cluster") => format!("{container}|{}", word(1)),
                    name => name.to_owned(),
                });
            }
        }
        assert_eq!(granted, checked);
        for needless in ["ping", "role"] {
            assert!(!granted.contains(needless), "`{needless}` is never sent");
        }
    }
}
