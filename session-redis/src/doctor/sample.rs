//! A look at some of the keys.

use std::collections::HashSet;

use redis::{Pipeline, Value, cmd};

use super::{
    line::Line,
    reply::{items, text},
};
use crate::layout::{Layout, VERSION};

/// How many keys a round of SCAN looks at: so few that nobody waits for it.
const ROUND: usize = 100;
/// How many keys are looked at for one that is wanted, where other applications have keys too.
const PATIENCE: usize = 20;
/// How many keys are asked about at a time.
const BATCH: usize = 20;

/// What some keys under the prefix are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) keys: usize,
    pub(super) sessions: usize,
    pub(super) tombstones: usize,
    /// The memory of those sessions that were measured.
    pub(super) bytes: u64,
    pub(super) measured: usize,
    /// Sessions in the encoding of large hashes.
    pub(super) hashtables: usize,
    /// Keys of sessions without a time to live.
    pub(super) immortal: usize,
    /// Keys of this store that hold another type.
    pub(super) mistyped: usize,
    /// Keys under the prefix that are not this store's.
    pub(super) foreign: usize,
}

/// What a key should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Session,
    Principal,
    Plain,
    Foreign,
}

/// Tells the kinds of keys.
struct Names<'a> {
    prefix: &'a [u8],
    /// What the keys of each partition begin with.
    partitions: HashSet<&'a [u8]>,
}

impl<'a> Names<'a> {
    fn new(prefix: &'a str, layout: &'a Layout) -> Self {
        let partitions = layout.partitions().iter().filter_map(|partition| partition.sequence.strip_suffix(b"q"));
        Self { prefix: prefix.as_bytes(), partitions: partitions.collect() }
    }

    fn kind(&self, key: &[u8]) -> Kind {
        let rest = key.strip_prefix(self.prefix).unwrap_or_default();
        if rest == b":layout" {
            return Kind::Plain;
        }
        // A digest may hold any byte, so the first brace that closes is the tag's.
        let start = format!(":{VERSION}:{{");
        let Some(end) = rest.starts_with(start.as_bytes()).then(|| key.iter().position(|byte| *byte == b'}')).flatten()
        else {
            return Kind::Foreign;
        };
        let (partition, kind) = key.split_at((end + 2).min(key.len()));
        match kind {
            _ if !self.partitions.contains(partition) => Kind::Foreign,
            b"q" => Kind::Plain,
            [b's', b':', digest @ ..] if digest.len() == 18 => Kind::Session,
            [b'p', b':', hash @ ..] if hash.len() == 16 => Kind::Principal,
            _ => Kind::Foreign,
        }
    }
}

/// Looks at so many keys at most; nothing if the server does not let us.
pub(super) async fn take(line: &mut Line, prefix: &str, layout: &Layout, most: usize) -> Option<Sample> {
    let names = Names::new(prefix, layout);
    let pattern = format!("{}:*", escaped(prefix));
    let mut sample = Sample::default();
    let mut cursor = "0".to_owned();
    for _ in 0..most.saturating_mul(PATIENCE).div_ceil(ROUND) {
        let mut question = cmd("SCAN");
        question.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(ROUND);
        let answer = line.ask("SCAN", "what is stored", &question).await?;
        let [next, found] = items(&answer) else { return None };
        for batch in items(found).chunks(BATCH) {
            let keys: Vec<&[u8]> = batch.iter().filter_map(bytes).take(most.saturating_sub(sample.keys)).collect();
            ask(line, &names, &keys, &mut sample).await?;
        }
        cursor = text(next)?;
        if cursor == "0" || sample.keys >= most {
            break;
        }
    }
    Some(sample)
}

/// How many questions there are about a key.
const QUESTIONS: usize = 5;

async fn ask(line: &mut Line, names: &Names<'_>, keys: &[&[u8]], sample: &mut Sample) -> Option<()> {
    if keys.is_empty() {
        return Some(());
    }
    let mut questions = Pipeline::with_capacity(keys.len() * QUESTIONS);
    for key in keys {
        questions.cmd("TYPE").arg(key);
        questions.cmd("PTTL").arg(key);
        questions.cmd("OBJECT").arg("ENCODING").arg(key);
        // Of a large hash it measures some fields only.
        questions.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(16);
        questions.cmd("HGET").arg(key).arg("@");
    }
    const NAMES: [&str; QUESTIONS] = ["TYPE", "PTTL", "OBJECT ENCODING", "MEMORY USAGE", "HGET"];
    const ABOUT: [&str; QUESTIONS] = [
        "what is stored",
        "whether all sessions expire",
        "how sessions are encoded",
        "the memory per session",
        "which keys are tombstones",
    ];
    let answers = line.ask_all("SCAN", "what is stored", &questions).await?;
    for (key, answers) in keys.iter().zip(answers.chunks_exact(QUESTIONS)) {
        let mut told = NAMES
            .iter()
            .zip(ABOUT)
            .zip(answers)
            .map(|((name, about), answer)| line.judged(name, about, answer.clone()).ok());
        let told: [Option<Value>; QUESTIONS] = std::array::from_fn(|_| told.next().flatten());
        sample.count(names.kind(key), &told);
    }
    Some(())
}

impl Sample {
    fn count(&mut self, kind: Kind, [type_, ttl, encoding, memory, state]: &[Option<Value>; QUESTIONS]) {
        let type_ = type_.as_ref().and_then(text);
        if type_.as_deref() == Some("none") {
            // It has expired meanwhile.
            return;
        }
        self.keys += 1;
        let expected = match kind {
            Kind::Session | Kind::Principal => "hash",
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
        // The second byte of the metadata tells sessions from tombstones and forwards.
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

/// The prefix as a pattern that matches it only.
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
        let names = Names::new("shop", &layout);
        let kind = |tail: &[u8]| names.kind(&[&b"shop:1:{2220}:"[..], tail].concat());
        assert_eq!(kind(&[&b"s:"[..], &[b'}'; 18]].concat()), Kind::Session);
        assert_eq!(kind(&[&b"p:"[..], &[0; 16]].concat()), Kind::Principal);
        assert_eq!(kind(b"q"), Kind::Plain);
        assert_eq!(kind(b"s:short"), Kind::Foreign);
        assert_eq!(names.kind(b"shop:layout"), Kind::Plain);
        for foreign in [&b"shop:cart"[..], b"shop:1:{nobody}:q", b"shop:2:{2220}:q", b"shop:1:{2220}", b"shop:1:{"] {
            assert_eq!(names.kind(foreign), Kind::Foreign);
        }
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        assert_eq!(escaped("a*[b]\\"), "a\\*\\[b\\]\\\\");
    }
}
