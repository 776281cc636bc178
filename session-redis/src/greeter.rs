//! Each new connection to a primary is prepared: scripts are loaded, permissions checked, and recent destroys repeated
//! before anybody reads what a restart or a failover may have brought back.

use std::sync::{OnceLock, Weak};

use futures_util::{FutureExt as _, future::BoxFuture};
use redis::{Pipeline, Value as Reply, aio::MultiplexedConnection};

use crate::{
    inner::Inner,
    net::{Cause, Failure, Hooks},
    permissions, recent,
    script::SCRIPTS,
};

/// Prepares connections.
pub(crate) struct Greeter {
    question: redis::Cmd,
    scripts: Pipeline,
    /// Set when the store is complete.
    inner: OnceLock<Weak<Inner>>,
}

impl Greeter {
    pub(crate) fn new(layout: &crate::layout::Layout, is_cluster: bool, publish: &'static str) -> Self {
        let mut scripts = Pipeline::with_capacity(11);
        scripts.add_command(SCRIPTS.permissions.load());
        for script in SCRIPTS.all() {
            scripts.add_command(script.load());
        }
        Self { question: permissions::question(layout, is_cluster, publish), scripts, inner: OnceLock::new() }
    }

    pub(crate) fn complete(&self, inner: Weak<Inner>) {
        // It is called once.
        let _ = self.inner.set(inner);
    }

    async fn prepare(&self, connection: &mut MultiplexedConnection) -> Result<(), Failure> {
        let replies = connection.send_packed_commands(&self.scripts, 0, self.scripts.len()).await.map_err(lost)?;
        for reply in replies {
            if let Reply::ServerError(error) = reply {
                return Err(refused(error));
            }
        }
        match connection.send_packed_command(&self.question).await.map_err(lost)? {
            Reply::BulkString(names) if names.is_empty() => match self.inner.get().and_then(Weak::upgrade) {
                Some(inner) => recent::repeat_on(&inner, connection).await.map_err(lost),
                None => Ok(()),
            },
            Reply::BulkString(names) => {
                let names = String::from_utf8_lossy(&names);
                Err(Failure::fatal(format!(
                    "the server's ACL denies what this store needs: {names}; grant the rule in the README, for its keys and channels too"
                )))
            }
            Reply::ServerError(error) => Err(refused(error)),
            _ => Err(Failure::Unsent(Cause::new("the server did not tell its permissions"))),
        }
    }
}

fn lost(error: redis::RedisError) -> Failure {
    match redis::ServerError::try_from(error) {
        Ok(error) => refused(error),
        Err(error) => Failure::Unsent(Cause::new("the connection broke while it was prepared").with_source(error)),
    }
}

fn refused(error: redis::ServerError) -> Failure {
    match error.code() {
        "NOPERM" => Failure::fatal(
            "the server's ACL denies EVALSHA or SCRIPT LOAD; grant the rule in the README, for its keys and channels too",
        ),
        _ => Failure::Refused(error),
    }
}

impl Hooks for Greeter {
    fn greet<'a>(&'a self, connection: &'a mut MultiplexedConnection) -> BoxFuture<'a, Result<(), Failure>> {
        self.prepare(connection).boxed()
    }

    fn regained(&self) {
        if let Some(inner) = self.inner.get().and_then(Weak::upgrade) {
            recent::repeat(&inner);
        }
    }
}
