//! A reader whose feed is cut while another node writes.

use session_core::SessionId;
use session_testkit::Server;

use crate::{
    cache::Build,
    node::{HASTY, Links, Node},
    until,
};

/// The reader has copies of a session and of a witness in the same partition, and its feed is cut.
pub(crate) struct CutOff {
    _server: Server,
    pub(crate) writer: Node,
    pub(crate) reader: Node,
    pub(crate) id: SessionId,
    witness: SessionId,
    links: Links,
}

impl CutOff {
    pub(crate) async fn start(build: Build) -> Self {
        let server = Server::start().await;
        let writer = Node::start(&server).await;
        let [id, witness] = writer.open_two().await;
        let (reader, links) = Node::linked(&server, HASTY.built(build)).await;
        reader.warm(&id).await;
        reader.warm(&witness).await;
        links.listening.cut().await;
        Self { _server: server, writer, reader, id, witness, links }
    }

    /// Heals the feed, and waits until the reader has a lease again.
    pub(crate) async fn heal(&self) {
        self.links.listening.heal().await;
        until("the feed is back", || async { (self.reader.stats().gaps >= 2).then_some(()) }).await;
        self.reader.warm(&self.witness).await;
    }
}
