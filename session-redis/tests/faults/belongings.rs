//! Everything that a server holds, byte for byte, and everything that it publishes.

use std::collections::BTreeMap;

use session_core::SessionId;
use session_testkit::{Connection, Reply, Server};

use crate::rig::PREFIX;

/// Each key with its serialized value and its expiry. Lists of principals, and their orders, are without the latter: it may be extended
/// for a sign-in that is then refused. Revocations of principals are left out: one is remembered before it ends anything.
/// So is the layout, which is declared again some time after a flush.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Belongings(BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>);

impl Belongings {
    pub(crate) async fn of(server: &Server) -> Self {
        let mut all = BTreeMap::new();
        let is_left_out = |key: &Vec<u8>| key.windows(4).any(|part| part == b"}:r:") || key.ends_with(b":layout");
        for key in keys(server, "*").await.into_iter().filter(|key| !is_left_out(key)) {
            let Reply::Bulk(dump) = server.command(&[b"DUMP".as_slice(), &key]).await else { continue };
            let end = server.command(&[b"PEXPIRETIME".as_slice(), &key]).await.int();
            let is_list = key.windows(4).any(|part| part == b"}:p:" || part == b"}:o:");
            all.insert(key, (dump, (!is_list).then_some(end)));
        }
        Self(all)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys in which two of them differ.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(other.0.keys()).collect();
        let differ = keys.into_iter().filter(|key| self.0.get(*key) != other.0.get(*key));
        differ.map(|key| key.escape_ascii().to_string()).collect()
    }
}

/// The names of keys.
pub(crate) async fn keys(server: &Server, pattern: &str) -> Vec<Vec<u8>> {
    let reply = server.command(&["KEYS", pattern]).await;
    let bytes = |item: &Reply| match item {
        Reply::Bulk(bytes) => bytes.clone(),
        other => panic!("{other:?}"),
    };
    reply.items().iter().map(bytes).collect()
}

/// The key of a stored session.
pub(crate) async fn key_of(server: &Server, id: &SessionId) -> Vec<u8> {
    let digest = id.digest().to_bytes();
    let all = keys(server, &format!("{PREFIX}:1:*:s:*")).await;
    all.into_iter().find(|key| key.ends_with(&digest)).expect("the session has a key")
}

/// The key of another session of the same partition, stored or not.
pub(crate) fn sibling_key(key: &[u8], sibling: &SessionId) -> Vec<u8> {
    let digest = sibling.digest().to_bytes();
    [&key[..key.len() - digest.len()], &digest].concat()
}

/// The key of the sequence number beside the key of a session.
pub(crate) fn sequence_of(key: &[u8]) -> Vec<u8> {
    let end = key.windows(4).position(|part| part == b"}:s:").expect("the key of a session");
    [&key[..end], b"}:q"].concat()
}

/// Everything that is published from now on.
pub(crate) struct Listener {
    server: Server,
    connection: Connection,
}

impl Listener {
    pub(crate) async fn to(server: &Server) -> Self {
        let mut connection = server.connect().await.unwrap();
        connection.command(&["PSUBSCRIBE", "*"]).await.unwrap();
        Self { server: server.clone(), connection }
    }

    /// The number of messages since the last call.
    pub(crate) async fn received(&mut self) -> usize {
        self.server.command(&["PUBLISH", "end of the question", ""]).await;
        let mut count = 0;
        loop {
            let message = self.connection.receive().await.unwrap();
            if message.items()[2] == Reply::Bulk(b"end of the question".to_vec()) {
                return count;
            }
            count += 1;
        }
    }
}
