//! Bare redis-rs: the cost of sending the same commands without any of the store's work.

use std::collections::HashMap;

use redis::{Cmd, Pipeline, aio::MultiplexedConnection};
use session_core::SessionId;
use session_testkit::{Reply, Server};

use super::sent::Sent;
use crate::plain;

/// A script for [`Bare::call`].
#[derive(Debug)]
pub struct Script {
    source: &'static str,
}

/// The commands of `apply` for one field, with arguments and a reply of the same lengths, and none of its work.
pub const SAME: Script = Script { source: include_str!("same.lua") };

/// The minimum that a session needs: two fields, a counter, a deadline, a message.
pub const MINIMAL: Script = Script { source: include_str!("minimal.lua") };

/// One connection.
#[derive(Debug)]
pub struct Bare(MultiplexedConnection);

impl Bare {
    /// A client of this server, with the scripts loaded.
    pub async fn connect(server: &Server) -> Self {
        let bare = Self(plain::connect(server).await);
        for script in [&SAME, &MINIMAL] {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(script.source);
            load.exec_async(&mut bare.0.clone()).await.expect("loaded");
        }
        bare
    }

    /// Copies the hashes of these sessions to short keys, so that the compared data has the same size.
    pub async fn keys_of(&self, server: &Server, ids: &[SessionId]) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        for id in ids {
            let digest = id.digest().to_bytes();
            let all = server.command(&["KEYS", "sessions:1:*:s:*"]).await;
            let of = |reply: &&Reply| matches!(reply, Reply::Bulk(key) if key.ends_with(&digest));
            let found = all.items().iter().find(of).expect("the session's key");
            let Reply::Bulk(key) = found else { unreachable!() };
            let copy = [b"bare".as_slice(), &key[4..]].concat();
            server.command(&[b"COPY".as_slice(), key, &copy]).await;
            keys.push(copy);
        }
        keys
    }

    /// `HGETALL` and `PTTL` in one pipeline.
    pub async fn hgetall(&self, key: &[u8]) -> (HashMap<String, Vec<u8>>, i64) {
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.cmd("HGETALL").arg(key).cmd("PTTL").arg(key);
        pipeline.query_async(&mut self.0.clone()).await.expect("read")
    }

    /// The same with the store's guard: a write that changes nothing, in the same pipeline.
    pub async fn guarded_hgetall(&self, key: &[u8]) -> (HashMap<String, Vec<u8>>, i64) {
        let mut pipeline = Pipeline::with_capacity(3);
        pipeline.cmd("HGETALL").arg(key).cmd("PTTL").arg(key).cmd("HDEL").arg(key).arg("@!").ignore();
        pipeline.query_async(&mut self.0.clone()).await.expect("read")
    }

    /// `GET` of one value.
    pub async fn get(&self, key: &str) -> Vec<u8> {
        redis::cmd("GET").arg(key).query_async(&mut self.0.clone()).await.expect("read")
    }

    /// Calls the store's script.
    ///
    /// # Panics
    /// If it does not apply the update: a refusal costs less.
    pub(super) async fn resend(&self, sent: &Sent) {
        let reply: Vec<u8> = sent.again().query_async(&mut self.0.clone()).await.expect("called");
        assert_eq!(reply.first(), Some(&b'A'), "the update was not applied");
    }

    /// Calls a script.
    pub async fn call(&self, script: &Script, key: &[u8]) {
        let mut cmd = Cmd::with_capacity(10, 600);
        cmd.arg("EVALSHA").arg(script.digest()).arg(2).arg(key).arg(&b"sequence:of:the:partition:000"[..]);
        cmd.arg(&[1u8; 85][..])
            .arg(&[2u8; 26][..])
            .arg(&[3u8; 44][..])
            .arg("PUBLISH")
            .arg(&b"channel:of:the:partition"[..]);
        cmd.arg("=field-00").arg(&[4u8; 30][..]);
        let _: Vec<u8> = cmd.query_async(&mut self.0.clone()).await.expect("called");
    }
}

impl Script {
    /// Its text.
    pub fn source(&self) -> &'static str {
        self.source
    }

    fn digest(&self) -> &'static str {
        use std::sync::LazyLock;
        static DIGESTS: LazyLock<[String; 2]> = LazyLock::new(|| [digest(SAME.source), digest(MINIMAL.source)]);
        if std::ptr::eq(self.source, SAME.source) { &DIGESTS[0] } else { &DIGESTS[1] }
    }
}

fn digest(source: &str) -> String {
    use sha1::Digest as _;
    sha1::Sha1::digest(source).iter().map(|byte| format!("{byte:02x}")).collect()
}
