//! What the only client of a session knows about it, and whether the store agrees.

use std::sync::{Arc, Mutex};

use session_core::{
    Error, ErrorKind, LoadOptions, SessionId,
    model::{Delta, Field, Format, Key, OpId, Record, Stamp, Value},
    store::{ApplyOutcome, Found, LoadOutcome, SessionStore, Update, WriteOptions},
};
use session_redis::RedisStore;

use crate::{reaper::create, tally::Tally};

/// The outcome of an update, as the client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is in the store, and this many replicas had acknowledged it.
    Acknowledged(Option<u32>),
    /// It changed nothing.
    Refused,
}

#[derive(Debug)]
struct Step {
    op: OpId,
    fate: Fate,
    /// The phase of the test in which it was first sent.
    phase: u32,
}

/// One session and all updates of its only writer.
///
/// Update n adds the entry `log[n]` and sets `last` to n. So the state shows which updates it contains, and the version
/// shows whether an update was applied twice. The outcome of an update without an answer is unknown: it is sent again
/// under its op id until the store answers.
#[derive(Debug)]
pub(crate) struct Ledger {
    id: SessionId,
    first: Stamp,
    /// The number of replicas that each update asks for.
    replicas: u32,
    steps: Vec<Step>,
    known: Stamp,
    /// Whether an acknowledgement had another stamp than the one that follows from the updates before.
    told_of_loss: bool,
    unanswered: u64,
    trouble: Trouble,
}

/// The failures that a client has met, for a test that waits in vain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble(Arc<Mutex<(u64, String)>>);

impl Trouble {
    fn note(&self, error: &Error) {
        let mut trouble = self.0.lock().unwrap();
        trouble.0 += 1;
        trouble.1 = format!("{error:?}");
    }
}

impl Ledger {
    /// A new session that `all` replicas have.
    pub(crate) async fn open(store: &RedisStore, id: SessionId, replicas: u32, all: u32) -> Self {
        let first = create(store, &id, all).await;
        Self {
            id,
            first,
            replicas,
            steps: Vec::new(),
            known: first,
            told_of_loss: false,
            unanswered: 0,
            trouble: Trouble::default(),
        }
    }

    pub(crate) fn id(&self) -> &SessionId {
        &self.id
    }

    pub(crate) fn replicas(&self) -> u32 {
        self.replicas
    }

    pub(crate) fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    /// The last acknowledged stamp.
    pub(crate) fn known(&self) -> Stamp {
        self.known
    }

    /// The number of acknowledged updates that were first sent in this phase or later.
    pub(crate) fn acknowledged_since(&self, phase: u32) -> usize {
        let counts = |step: &&Step| step.phase >= phase && matches!(step.fate, Fate::Acknowledged(_));
        self.steps.iter().filter(counts).count()
    }

    /// Sends the next update, and repeats it until its outcome is known. Returns false if it was refused.
    pub(crate) async fn write(&mut self, store: &RedisStore, phase: u32) -> bool {
        let op = OpId::generate().unwrap();
        let update = Update::new(WriteOptions { replicas: self.replicas, ..op.into() }, delta(self.steps.len()));
        let mut attempt = update.clone();
        let mut may_have_happened = false;
        let fate = loop {
            let answer = store.apply(&self.id, &attempt).await;
            if let Err(error) = &answer {
                self.trouble.note(error);
            }
            match answer {
                Ok(ApplyOutcome::Applied(applied)) => {
                    self.told_of_loss |= applied.stamp != self.known.next(op);
                    self.known = applied.stamp;
                    break Fate::Acknowledged(applied.replicas);
                }
                Ok(other) => panic!("the session is gone, or its update was refused: {other:?}"),
                // Too late to tell: the last acknowledgement came from a primary that was being replaced, after its
                // successor had accepted many updates. The only writer can look, and continue from there.
                Err(error) if error.to_string().contains("too many updates came") => {
                    if let Ok(LoadOutcome::Found(now)) = store.load(&self.id, LoadOptions::default()).await {
                        (self.told_of_loss, self.known) = (true, now.record.stamp());
                    }
                    attempt = Update { retry_from: Some(self.known), ..update.clone() };
                }
                Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                    self.unanswered += 1;
                    may_have_happened = true;
                    attempt = Update { retry_from: Some(self.known), ..update.clone() };
                }
                Err(error) if error.kind() == ErrorKind::Unavailable && !may_have_happened => break Fate::Refused,
                Err(error) if error.is_retryable() => {}
                Err(error) => panic!("{error:?}"),
            }
        };
        self.steps.push(Step { op, fate, phase });
        fate != Fate::Refused
    }

    /// Compares what the client knows with what the store has. Updates first sent in phase `safe_from` or later must
    /// all be there.
    pub(crate) fn check(&self, found: &Found, all: u32, safe_from: u32) -> Tally {
        let record = &*found.record;
        assert!(
            record.deadlines().expires_at().since(found.now) > std::time::Duration::ZERO,
            "a record without a deadline"
        );
        let there = log_of(record);
        self.check_history(record, &there);
        let mut tally = Tally { unanswered: self.unanswered, ..Tally::default() };
        for (number, step) in self.steps.iter().enumerate() {
            let is_there = there.binary_search(&number).is_ok();
            match step.fate {
                Fate::Refused => {
                    assert!(!is_there, "update {number} was refused as not done, and is there");
                    tally.refused += 1;
                }
                Fate::Acknowledged(replicas) => {
                    let everywhere = all > 0 && replicas == Some(all);
                    tally.count(everywhere, is_there);
                    assert!(is_there || !everywhere, "update {number} is lost, and all {all} replicas had it");
                    assert!(is_there || step.phase < safe_from, "update {number} is lost, and came after the fault");
                }
            }
        }
        self.check_notice(record, tally.lost);
        tally
    }

    /// The stamp identifies a history: exactly that of the updates in the state, each once and as a whole.
    fn check_history(&self, record: &Record, there: &[usize]) {
        let stamp = there.iter().fold(self.first, |stamp, number| {
            let step = self.steps.get(*number).expect("the store has an update that was never sent");
            stamp.next(step.op)
        });
        assert_eq!(record.stamp(), stamp, "the stamp tells another history than the entries: {there:?}");
        let last = record.state().get("last").map(number_in);
        assert_eq!(last, there.last().copied(), "an update is there in part");
    }

    /// A loss shows in the stamps, and nothing else does.
    fn check_notice(&self, record: &Record, lost: u64) {
        let noticed = self.told_of_loss || record.stamp() != self.known;
        assert_eq!(noticed, lost > 0, "{lost} updates are lost, and the stamps say otherwise");
    }
}

fn delta(number: usize) -> Delta {
    let value = Value::new(Format::JSON, number.to_string().as_bytes());
    let mut delta = Delta::new();
    delta.insert(Field::new("log").unwrap(), Key::new(&number.to_string()).unwrap(), value.clone());
    delta.set(Field::new("last").unwrap(), value);
    delta
}

fn number_in(value: &Value) -> usize {
    std::str::from_utf8(value.payload()).unwrap().parse().expect("a number")
}

/// The numbers of the updates that a state contains, in order.
fn log_of(record: &Record) -> Vec<usize> {
    let of_entry = |(key, value): (&Key, &Value)| {
        let number = number_in(value);
        assert_eq!(key.as_str(), number.to_string(), "an entry has the value of another one");
        number
    };
    let mut log: Vec<usize> = record.state().keyed("log").map(of_entry).collect();
    log.sort_unstable();
    log
}
