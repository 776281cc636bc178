//! A connection that is asked questions, and remembers which were not answered.

use std::{collections::BTreeMap, time::Duration};

use redis::{Cmd, Pipeline, PushInfo, ServerError, Value, aio::MultiplexedConnection};
use tokio::{sync::mpsc::UnboundedSender, time::timeout};

use super::notes::Notes;
use crate::net::{Address, Dialer, Failure};

/// What a refused question would have told, by its command.
type Missed = BTreeMap<&'static str, &'static str>;

/// A connection to one server. Nothing that the server refuses is an error: it is noted.
pub(super) struct Line {
    pub(super) address: Address,
    pub(super) is_primary: bool,
    connection: MultiplexedConnection,
    deadline: Duration,
    forbidden: Missed,
    unknown: Missed,
    is_silent: bool,
}

impl Line {
    /// Dials a server; why it cannot be examined, if so.
    pub(super) async fn open(dialer: &Dialer, address: &Address, deadline: Duration) -> Result<Self, String> {
        match dialer.dial(address, None::<UnboundedSender<PushInfo>>).await {
            Ok((connection, greeting)) => Ok(Self {
                address: address.clone(),
                is_primary: greeting.is_primary,
                connection,
                deadline,
                forbidden: Missed::new(),
                unknown: Missed::new(),
                is_silent: false,
            }),
            Err(Failure::Fatal(cause) | Failure::Unsent(cause) | Failure::Unknown(cause)) => Err(cause.to_string()),
            Err(Failure::Refused(_) | Failure::InDoubt(_) | Failure::Overloaded) => {
                Err(format!("{address} refused the connection"))
            }
        }
    }

    /// Asks one question. `name` is its command, and `about` what it would tell, for the note that it was not answered.
    pub(super) async fn ask(&mut self, name: &'static str, about: &'static str, question: &Cmd) -> Option<Value> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(question.clone());
        let answer = self.ask_all(name, about, &pipeline).await?.pop()?;
        self.judged(name, about, answer).ok()
    }

    /// Asks several questions in a row. Refusals are in place of the answers; nothing if the server is silent.
    pub(super) async fn ask_all(
        &mut self,
        name: &'static str,
        about: &'static str,
        questions: &Pipeline,
    ) -> Option<Vec<Value>> {
        if self.is_silent || questions.is_empty() {
            return None;
        }
        let answers = self.connection.send_packed_commands(questions, 0, questions.len());
        match timeout(self.deadline, answers).await {
            Ok(Ok(answers)) => Some(answers),
            Ok(Err(error)) => {
                // A refusal, if that is all there is; else the connection broke.
                match ServerError::try_from(error) {
                    Ok(error) => drop(self.judged(name, about, Value::ServerError(error))),
                    Err(_) => self.is_silent = true,
                }
                None
            }
            Err(_) => {
                self.is_silent = true;
                None
            }
        }
    }

    /// The answer, or the refusal, which is noted.
    pub(super) fn judged(
        &mut self,
        name: &'static str,
        about: &'static str,
        answer: Value,
    ) -> Result<Value, ServerError> {
        let Value::ServerError(error) = answer else { return Ok(answer) };
        match error.code() {
            "NOPERM" => drop(self.forbidden.insert(name, about)),
            // Another server owns the key, or the key is no such thing: the asker knows what that means.
            "MOVED" | "WRONGTYPE" => {}
            _ => drop(self.unknown.insert(name, about)),
        }
        Err(error)
    }

    /// Puts down what could not be seen.
    pub(super) fn confess(&self, notes: &mut Notes) {
        notes.at(&self.address);
        for (name, about) in &self.forbidden {
            notes.info(
                "not-permitted",
                format!("{name} is not permitted to this user, so {about} was not looked at"),
                "not permitted: run with an admin user, or one with the rule `DOCTOR_ACL_RULE`",
            );
        }
        for (name, about) in &self.unknown {
            notes.info(
                "not-answered",
                format!("the server refused {name}, so {about} was not looked at"),
                "see whether the command is renamed or blocked there (hosted servers do that)",
            );
        }
        if self.is_silent {
            notes.critical(
                "answers",
                "the server stopped answering while it was examined",
                "look at its log and at SLOWLOG; raise `call_deadline_ms` if the network is slow",
            );
        }
    }
}
