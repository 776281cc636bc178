//! A connection that asks questions, and remembers those that the server did not answer.

use std::{collections::BTreeMap, time::Duration};

use redis::{Cmd, Pipeline, PushInfo, ServerError, Value, aio::MultiplexedConnection, cmd};
use tokio::{sync::mpsc::UnboundedSender, time::timeout};

use super::{
    findings::Findings,
    internals::{Address, Dialer, Failure},
};

/// The subjects of refused questions, by command.
type Unanswered = BTreeMap<&'static str, &'static str>;

/// A connection to one server. A refusal is not an error here: it is remembered, and reported at the end.
pub(super) struct Probe {
    pub(super) address: Address,
    pub(super) is_primary: bool,
    connection: MultiplexedConnection,
    deadline: Duration,
    forbidden: Unanswered,
    refused: Unanswered,
    is_silent: bool,
}

impl Probe {
    /// Connects to a server, or says why it cannot be examined.
    pub(super) async fn connect(dialer: &Dialer, address: &Address, deadline: Duration) -> Result<Self, String> {
        match dialer.dial(address, None::<UnboundedSender<PushInfo>>).await {
            Ok((connection, greeting)) => Ok(Self {
                address: address.clone(),
                is_primary: greeting.is_primary,
                connection,
                deadline,
                forbidden: Unanswered::new(),
                refused: Unanswered::new(),
                is_silent: false,
            }),
            Err(Failure::Fatal(cause) | Failure::Unsent(cause) | Failure::Unknown(cause)) => Err(cause.to_string()),
            Err(Failure::Refused(_) | Failure::RefusedThroughout(_) | Failure::InDoubt(_) | Failure::Overloaded) => {
                Err(format!("{address} refused the connection"))
            }
        }
    }

    /// Asks one question. `name` is its command and `about` its subject, for the finding that it was not answered.
    pub(super) async fn ask(&mut self, name: &'static str, about: &'static str, question: &Cmd) -> Option<Value> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(question.clone());
        let reply = self.ask_all(name, about, &pipeline).await?.pop()?;
        self.accept(name, about, reply).ok()
    }

    /// Asks several questions at once. A refusal takes the place of its reply; `None` if the server is silent.
    pub(super) async fn ask_all(
        &mut self,
        name: &'static str,
        about: &'static str,
        questions: &Pipeline,
    ) -> Option<Vec<Value>> {
        if self.is_silent || questions.is_empty() {
            return None;
        }
        let replies = self.connection.send_packed_commands(questions, 0, questions.len());
        match timeout(self.deadline, replies).await {
            Ok(Ok(replies)) => Some(replies),
            Ok(Err(error)) => {
                // The error is a refusal, or the connection broke.
                match ServerError::try_from(error) {
                    Ok(error) => drop(self.accept(name, about, Value::ServerError(error))),
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

    /// Splits replies from refusals, and remembers the refusals.
    pub(super) fn accept(
        &mut self,
        name: &'static str,
        about: &'static str,
        reply: Value,
    ) -> Result<Value, ServerError> {
        let Value::ServerError(error) = reply else { return Ok(reply) };
        match error.code() {
            "NOPERM" => drop(self.forbidden.insert(name, about)),
            // The key is on another server or of another type. The caller knows what that means.
            "MOVED" | "WRONGTYPE" => {}
            _ => drop(self.refused.insert(name, about)),
        }
        Err(error)
    }

    /// Reports the subjects that could not be examined.
    pub(super) fn report_unanswered(&self, findings: &mut Findings) {
        findings.at(&self.address);
        for (name, about) in &self.forbidden {
            findings.info(
                "not-permitted",
                format!("this user may not run {name}, so the doctor did not examine {about}"),
                "run the doctor as an administrator, or as a user with the rule `doctor::ACL_RULE`",
            );
        }
        for (name, about) in &self.refused {
            findings.info(
                "not-answered",
                format!("the server refused {name}, so the doctor did not examine {about}"),
                "check whether the command is renamed or blocked, as on some hosted servers",
            );
        }
        if self.is_silent {
            findings.critical(
                "answers",
                "the server stopped answering during the inspection",
                "check its log and SLOWLOG; raise `call_deadline_ms` if the network is slow",
            );
        }
    }
}

/// A command of fixed words.
pub(super) fn command(words: &[&str]) -> Cmd {
    let mut question = cmd(words.first().copied().unwrap_or_default());
    for word in words.iter().skip(1) {
        question.arg(word);
    }
    question
}
