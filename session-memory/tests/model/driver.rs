//! Sends the same requests to a store and to the model, and compares the answers and, after each action, all sessions.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use proptest::prelude::*;
use session_core::{
    Clock as _, Error, ErrorKind, Limits, LoadOptions, ManualClock,
    store::{
        AcquireOutcome, ApplyOutcome, CreateOutcome, DestroyOutcome, LoadOutcome, RotateOutcome, SessionStore,
        TenureOutcome, TouchOutcome,
    },
};

use crate::{
    action::{Action, IDS},
    oracle::Oracle,
    request::{Clients, Request, id},
};

/// The answers of a store and of the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Create(CreateOutcome),
    Load(LoadOutcome),
    Apply(ApplyOutcome),
    Touch(TouchOutcome),
    Rotate(RotateOutcome),
    Destroy(DestroyOutcome),
    Acquire(AcquireOutcome),
    Tenure(TenureOutcome),
    Refused(ErrorKind),
}

/// The kinds of answer that a sequence has produced.
pub(crate) type Transcript = Vec<String>;

/// Small limits, so that the sequences reach them.
pub(crate) fn limits() -> Limits {
    Limits { max_entries: 5, max_value_bytes: 8, max_session_bytes: 40 }
}

pub(crate) fn run(
    store: &dyn SessionStore,
    clock: &ManualClock,
    script: &[Action],
    sweep: impl Fn(),
) -> Result<Transcript, TestCaseError> {
    let (mut clients, mut oracle, mut transcript) = (Clients::default(), Oracle::new(limits()), Transcript::new());
    for action in script {
        if let Action::Elapse(duration) = action {
            clock.advance(*duration);
            sweep();
        }
        for request in clients.requests(action) {
            if oracle.reuses_an_id(clock.now(), &request) {
                continue;
            }
            let expected = oracle.answer(clock.now(), &request);
            let answer = at_once(send(store, &request)).unwrap_or_else(|error| Answer::Refused(error.kind()));
            prop_assert_eq!(&answer, &expected, "to {:#?}", &request);
            clients.learn(&request, &answer);
            transcript.push(name(&answer));
        }
        for index in 0..IDS {
            let load = Request::Load(id(index), LoadOptions::default());
            let answer = at_once(send(store, &load)).unwrap();
            prop_assert_eq!(answer, oracle.answer(clock.now(), &load), "id {} after {:#?}", index, action);
        }
    }
    Ok(transcript)
}

/// The futures of these stores are never pending.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future of a store in memory was pending"),
    }
}

async fn send(store: &dyn SessionStore, request: &Request) -> Result<Answer, Error> {
    let lock = store.lock().expect("a store with locks");
    Ok(match request {
        Request::Create(id, new) => Answer::Create(store.create(id, new).await?),
        Request::Load(id, options) => Answer::Load(store.load(id, *options).await?),
        Request::Apply(id, update) => Answer::Apply(store.apply(id, update).await?),
        Request::Touch(id, options) => Answer::Touch(store.touch(id, options.clone()).await?),
        Request::Rotate(id, rotation) => Answer::Rotate(store.rotate(id, rotation).await?),
        Request::Destroy(id, destroy) => Answer::Destroy(store.destroy(id, destroy).await?),
        Request::Acquire(id, owner, lease) => Answer::Acquire(lock.acquire(id, *owner, *lease).await?),
        Request::Renew(id, token, lease) => Answer::Tenure(lock.renew(id, *token, *lease).await?),
        Request::Release(id, token) => Answer::Tenure(lock.release(id, *token).await?),
    })
}

impl Clients {
    fn learn(&mut self, request: &Request, answer: &Answer) {
        match (request, answer) {
            (Request::Create(id, _), Answer::Create(CreateOutcome::Created(_))) => self.current = Some(*id),
            (Request::Rotate(_, rotation), Answer::Rotate(RotateOutcome::Rotated(_))) => {
                self.current = Some(rotation.to);
            }
            _ => {}
        }
        match answer {
            Answer::Create(CreateOutcome::Created(applied))
            | Answer::Apply(ApplyOutcome::Applied(applied))
            | Answer::Rotate(RotateOutcome::Rotated(applied)) => {
                self.stamps.push(applied.stamp);
                self.now = applied.now;
            }
            Answer::Apply(ApplyOutcome::Conflict(conflict)) => self.stamps.push(conflict.current),
            Answer::Load(LoadOutcome::Found(found)) => {
                self.stamps.push(found.record.stamp());
                self.now = found.now;
            }
            Answer::Acquire(AcquireOutcome::Acquired(token)) => self.tokens.push(*token),
            _ => {}
        }
    }
}

/// The kind of an answer: the names of its variants, and whether it is a repeat or says why the session ended.
fn name(answer: &Answer) -> String {
    let text = format!("{answer:?}").replace("Absent(", "");
    let head: Vec<&str> = text.split(['(', ' ']).take(2).map(|part| part.trim_end_matches(')')).collect();
    let mut name = head.join(" ");
    for (mark, sign) in [("repeated: true", " again"), ("Some(Ended", " ended")] {
        if text.contains(mark) {
            name.push_str(sign);
        }
    }
    name
}

/// Every kind of answer.
pub(crate) const OUTCOMES: [&str; 42] = [
    "Create Created",
    "Create Created again",
    "Create AlreadyExists",
    "Create Ended",
    "Load Found",
    "Load Unchanged",
    "Load NotFound",
    "Load NotFound ended",
    "Load Superseded",
    "Apply Applied",
    "Apply Applied again",
    "Apply NotFound",
    "Apply NotFound ended",
    "Apply Superseded",
    "Apply Conflict",
    "Touch Touched",
    "Touch NotFound",
    "Touch NotFound ended",
    "Touch Superseded",
    "Rotate Rotated",
    "Rotate Rotated again",
    "Rotate AlreadyRotated",
    "Rotate NotFound",
    "Rotate NotFound ended",
    "Rotate Superseded",
    "Rotate Ended",
    "Destroy Destroyed",
    "Destroy NotFound",
    "Destroy NotFound ended",
    "Destroy Superseded",
    "Acquire Acquired",
    "Acquire Held",
    "Acquire NotFound",
    "Acquire Superseded",
    "Tenure Done",
    "Tenure Lost",
    "Tenure NotFound",
    "Tenure Superseded",
    "Refused LimitExceeded",
    "Refused OutcomeUnknown",
    "Refused Unavailable",
    "Refused InvalidInput",
];
