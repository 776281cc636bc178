//! The commands that the store sends for an update, captured on the wire.

use std::sync::Arc;

use redis::Cmd;
use session_core::{
    SessionId,
    store::{SessionStore, Update},
};
use session_redis::RedisStore;
use session_testkit::{LinkCutter, Server};

use crate::{op, scalars};

/// The time of the servers, in milliseconds, that no clock reaches.
const NEVER: u64 = 1 << 53;

/// The arguments of one call of the script of `apply`: EVALSHA, its digest, two keys, arguments.
#[derive(Debug)]
pub(super) struct Sent(Vec<Vec<u8>>);

impl Sent {
    /// Captures an update of one field of each of these sessions.
    pub(super) async fn capture(server: &Server, ids: &[SessionId]) -> Vec<Self> {
        let link = LinkCutter::to(server.addr()).await;
        let store = Arc::new(RedisStore::connect(&link.url()).await.expect("a store"));
        let mut sent = Vec::new();
        for id in ids {
            let recording = link.record();
            store.apply(id, &Update::new(op(), scalars(1, 29))).await.expect("applied");
            let requests = recording.requests();
            let call = requests.iter().map(|request| words(request)).find(|words| words[0] == b"EVALSHA");
            sent.push(Self(call.expect("a call")));
        }
        sent
    }

    /// The same call with another op id, because a repeat would change nothing, and with no last moment to apply it, which
    /// would soon be past.
    pub(super) fn again(&self) -> Cmd {
        let mut cmd = Cmd::with_capacity(self.0.len(), 640);
        for (at, word) in self.0.iter().enumerate() {
            if at == 5 {
                let bits = u64::from(op());
                let mut head = [0; 128];
                head[..8].copy_from_slice(&bits.to_be_bytes());
                head[8..24].copy_from_slice(format!("{bits:016x}").as_bytes());
                head[24..word.len()].copy_from_slice(&word[24..]);
                head[24..31].copy_from_slice(&NEVER.to_be_bytes()[1..]);
                cmd.arg(&head[..word.len()]);
            } else {
                cmd.arg(&word[..]);
            }
        }
        cmd
    }
}

/// The arguments of a request: a count, then for each argument its length and its bytes.
fn words(request: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = request;
    let count = number(&mut rest);
    let mut words = Vec::new();
    for _ in 0..count {
        let length = number(&mut rest);
        words.push(rest[..length].to_vec());
        rest = &rest[length + 2..];
    }
    words
}

/// Takes a line such as `$12` off the front.
fn number(rest: &mut &[u8]) -> usize {
    let end = rest.windows(2).position(|two| two == b"\r\n").expect("a whole request");
    let number = std::str::from_utf8(&rest[1..end]).ok().and_then(|text| text.parse().ok());
    *rest = &rest[end + 2..];
    number.expect("a number")
}
