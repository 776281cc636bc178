//! A sample of the stored keys.

use std::collections::HashSet;

use redis::{Pipeline, Value, cmd};

use super::{
    internals::{LAYOUT_VERSION, Layout},
    probe::Probe,
    reply::{items, text},
};

/// The keys that one SCAN looks at: few enough that it blocks the server for no noticeable time.
const ROUND: usize = 100;
/// The keys to look at for each key wanted, because other applications have keys too.
const PATIENCE: usize = 20;
/// The keys in one pipeline of questions.
const BATCH: usize = 20;

/// Counts of the sampled keys under the prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) keys: usize,
    pub(super) sessions: usize,
    pub(super) tombstones: usize,
    /// The memory of the measured sessions.
    pub(super) bytes: u64,
    pub(super) measured: usize,
    /// Sessions in the encoding of large hashes.
    pub(super) hashtables: usize,
    /// Keys of sessions without a time to live.
    pub(super) immortal: usize,
    /// Keys of this store whose value has another type.
    pub(super) mistyped: usize,
    /// Keys under the prefix that do not belong to this store.
    pub(super) foreign: usize,
}

/// The kind of a key, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Session,
    Principal,
    Order,
    Plain,
    Foreign,
}

/// Recognises the keys of a store.
struct KeyNames<'a> {
    prefix: &'a [u8],
    /// The beginnings of the keys, one for each partition.
    partitions: HashSet<&'a [u8]>,
}

impl<'a> KeyNames<'a> {
    fn new(prefix: &'a str, layout: &'a Layout) -> Self {
        let partitions = layout.partitions().iter().filter_map(|partition| partition.sequence.strip_suffix(b"q"));
        Self { prefix: prefix.as_bytes(), partitions: partitions.collect() }
    }

    fn kind(&self, key: &[u8]) -> Kind {
        let rest = key.strip_prefix(self.prefix).unwrap_or_default();
        if rest == b":layout" {
            return Kind::Plain;
        }
        // A digest may contain any byte, so the first closing brace ends the hash tag.
        let start = format!(":{LAYOUT_VERSION}:{{");
        let Some(end) = rest.starts_with(start.as_bytes()).then(|| key.iter().position(|byte| *byte == b'}')).flatten()
        else {
            return Kind::Foreign;
        };
        let (partition, kind) = key.split_at((end + 2).min(key.len()));
        match kind {
            _ if !self.partitions.contains(partition) => Kind::Foreign,
            b"q" => Kind::Plain,
            [b's', b':', digest @ ..] if digest.len() == 18 => Kind::Session,
            [b'p' | b'r', b':', hash @ ..] if hash.len() == 16 => Kind::Principal,
            [b'o', b':', hash @ ..] if hash.len() == 16 => Kind::Order,
            _ => Kind::Foreign,
        }
    }
}

/// Samples at most `most` keys; `None` if the server does not permit it.
pub(super) async fn take(probe: &mut Probe, prefix: &str, layout: &Layout, most: usize) -> Option<Sample> {
    let names = KeyNames::new(prefix, layout);
    let pattern = format!("{}:*", escaped(prefix));
    let mut sample = Sample::default();
    let mut cursor = "0".to_owned();
    for _ in 0..most.saturating_mul(PATIENCE).div_ceil(ROUND) {
        let mut question = cmd("SCAN");
        question.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(ROUND);
        let reply = probe.ask("SCAN", "the stored keys", &question).await?;
        let [next, found] = items(&reply) else { return None };
        for batch in items(found).chunks(BATCH) {
            let keys: Vec<&[u8]> = batch.iter().filter_map(bytes).take(most.saturating_sub(sample.keys)).collect();
            ask(probe, &names, &keys, &mut sample).await?;
        }
        cursor = text(next)?;
        if cursor == "0" || sample.keys >= most {
            break;
        }
    }
    Some(sample)
}

/// The number of questions about each key.
const QUESTIONS: usize = 5;

async fn ask(probe: &mut Probe, names: &KeyNames<'_>, keys: &[&[u8]], sample: &mut Sample) -> Option<()> {
    if keys.is_empty() {
        return Some(());
    }
    let mut questions = Pipeline::with_capacity(keys.len() * QUESTIONS);
    for key in keys {
        questions.cmd("TYPE").arg(key);
        questions.cmd("PTTL").arg(key);
        questions.cmd("OBJECT").arg("ENCODING").arg(key);
        // The server estimates a large hash from a few fields.
        questions.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(16);
        questions.cmd("HGET").arg(key).arg("@");
    }
    const NAMES: [&str; QUESTIONS] = ["TYPE", "PTTL", "OBJECT ENCODING", "MEMORY USAGE", "HGET"];
    const ABOUT: [&str; QUESTIONS] = [
        "the stored keys",
        "whether all sessions expire",
        "the encoding of sessions",
        "the memory per session",
        "which keys are tombstones",
    ];
    let replies = probe.ask_all("SCAN", "the stored keys", &questions).await?;
    for (key, replies) in keys.iter().zip(replies.chunks_exact(QUESTIONS)) {
        let mut accepted = NAMES
            .iter()
            .zip(ABOUT)
            .zip(replies)
            .map(|((name, about), reply)| probe.accept(name, about, reply.clone()).ok());
        let accepted: [Option<Value>; QUESTIONS] = std::array::from_fn(|_| accepted.next().flatten());
        sample.count(names.kind(key), &accepted);
    }
    Some(())
}

impl Sample {
    fn count(&mut self, kind: Kind, [type_, ttl, encoding, memory, state]: &[Option<Value>; QUESTIONS]) {
        let type_ = type_.as_ref().and_then(text);
        if type_.as_deref() == Some("none") {
            // The key has expired since SCAN returned it.
            return;
        }
        self.keys += 1;
        let expected = match kind {
            Kind::Session | Kind::Principal => "hash",
            Kind::Order => "zset",
            Kind::Plain => "string",
            Kind::Foreign => return self.foreign += 1,
        };
        if type_.is_some_and(|type_| type_ != expected) {
            return self.mistyped += 1;
        }
        if kind != Kind::Session {
            return;
        }
        self.immortal += usize::from(ttl == &Some(Value::Int(-1)));
        // The second byte of the metadata distinguishes sessions from tombstones and forwards.
        if let Some(state) = state
            && bytes(state).and_then(|state| state.get(1)) != Some(&b'S')
        {
            return self.tombstones += 1;
        }
        self.sessions += 1;
        self.hashtables += usize::from(encoding.as_ref().and_then(text).is_some_and(|name| name == "hashtable"));
        if let Some(Value::Int(bytes)) = memory {
            self.bytes = self.bytes.saturating_add(u64::try_from(*bytes).unwrap_or(0));
            self.measured += 1;
        }
    }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

/// The prefix as a pattern that matches nothing else.
fn escaped(prefix: &str) -> String {
    let escape = |c: char| if "*?[]^-\\".contains(c) { vec!['\\', c] } else { vec![c] };
    prefix.chars().flat_map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_keys() {
        let layout = Layout::new("shop", 0, 256);
        let names = KeyNames::new("shop", &layout);
        let kind = |tail: &[u8]| names.kind(&[&b"shop:1:{2220}:"[..], tail].concat());
        assert_eq!(kind(&[&b"s:"[..], &[b'}'; 18]].concat()), Kind::Session);
        assert_eq!(kind(&[&b"p:"[..], &[0; 16]].concat()), Kind::Principal);
        assert_eq!(kind(&[&b"o:"[..], &[0; 16]].concat()), Kind::Order);
        assert_eq!(kind(b"q"), Kind::Plain);
        assert_eq!(kind(b"s:short"), Kind::Foreign);
        assert_eq!(names.kind(b"shop:layout"), Kind::Plain);
        for foreign in [&b"shop:cart"[..], b"shop:1:{unknown}:q", b"shop:2:{2220}:q", b"shop:1:{2220}", b"shop:1:{"] {
            assert_eq!(names.kind(foreign), Kind::Foreign);
        }
    }

    #[test]
    fn a_prefix_is_escaped() {
        assert_eq!(escaped("a*[b]\\"), "a\\*\\[b\\]\\\\");
    }
}
