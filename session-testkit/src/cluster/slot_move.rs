//! A slot that moves from one primary to another.

use crate::{
    Cluster, Node,
    cluster::view::View,
    server::{ADMIN, ADMIN_PASSWORD},
};

/// A slot that is being moved, step by step.
///
/// During the move the old primary answers `ASK` for keys that have moved, and `TRYAGAIN` for commands on several keys of
/// which some have moved. After the move it answers `MOVED`.
#[derive(Debug)]
#[must_use = "a move stays in progress until it is finished or aborted"]
pub struct SlotMove<'a> {
    cluster: &'a Cluster,
    slot: u16,
    from: &'a Node,
    to: &'a Node,
}

impl<'a> SlotMove<'a> {
    pub(super) async fn begin(cluster: &'a Cluster, slot: u16, from: &'a Node, to: &'a Node) -> Self {
        let moving = Self { cluster, slot, from, to };
        // The new primary comes first, so that it is ready when the old one redirects clients to it.
        moving.set_slot(to, &["IMPORTING", &from.id]).await;
        moving.set_slot(from, &["MIGRATING", &to.id]).await;
        moving
    }

    /// Moves up to `limit` keys and returns the number moved; 0 means that none are left.
    ///
    /// # Panics
    ///
    /// If a node refuses.
    pub async fn move_keys(&self, limit: usize) -> usize {
        let (slot, limit) = (self.slot.to_string(), limit.to_string());
        let keys = self.from.command(&["CLUSTER", "GETKEYSINSLOT", &slot, &limit]).await.expect("the keys are listed");
        let keys: Vec<Vec<u8>> = keys.items().iter().map(bytes).collect();
        if !keys.is_empty() {
            self.send(&keys).await;
        }
        keys.len()
    }

    /// Moves the named keys.
    ///
    /// # Panics
    ///
    /// If a node refuses.
    pub async fn move_these<K: AsRef<[u8]>>(&self, keys: &[K]) {
        self.send(keys).await;
    }

    /// Assigns the slot to the new primary, and waits until all nodes know it.
    ///
    /// # Panics
    ///
    /// If keys are left at the old primary, a node refuses, or the nodes do not agree within 30 s.
    pub async fn finish(self) {
        // In this order the slot always has an owner.
        self.set_slot(self.to, &["NODE", &self.to.id]).await;
        self.set_slot(self.from, &["NODE", &self.to.id]).await;
        self.cluster
            .wait("all nodes know who has the slot", || async {
                for node in self.cluster.responsive() {
                    if View::of(node.server()).await?.primary(self.slot) != Some(&self.to.id) {
                        return None;
                    }
                }
                Some(())
            })
            .await;
    }

    /// Aborts the move: the slot stays where it was. Keys that were moved become unreachable, so move none before.
    ///
    /// # Panics
    ///
    /// If a node refuses.
    pub async fn abort(self) {
        self.set_slot(self.from, &["STABLE"]).await;
        self.set_slot(self.to, &["STABLE"]).await;
    }

    async fn set_slot(&self, node: &Node, what: &[&str]) {
        let slot = self.slot.to_string();
        let command = [&["CLUSTER", "SETSLOT", &slot], what].concat();
        node.command(&command).await.expect("the slot's state is set; were all keys moved?");
    }

    async fn send<K: AsRef<[u8]>>(&self, keys: &[K]) {
        let port = self.to.main_port().to_string();
        let head = ["MIGRATE", "127.0.0.1", &port, "", "0", "10000", "AUTH2", ADMIN, ADMIN_PASSWORD, "KEYS"];
        let head = head.iter().map(|word| word.as_bytes());
        let command: Vec<&[u8]> = head.chain(keys.iter().map(AsRef::as_ref)).collect();
        self.from.command(&command).await.expect("the keys are moved");
    }
}

fn bytes(key: &crate::Reply) -> Vec<u8> {
    match key {
        crate::Reply::Bulk(bytes) => bytes.clone(),
        other => panic!("a key is a string of bytes, but came as {other:?}"),
    }
}
