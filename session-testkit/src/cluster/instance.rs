//! A running cluster.

use std::{
    process::Output,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{process::Command, time::Instant};

use crate::{
    ClusterBuilder, Node, Server, SlotMove,
    cluster::view::View,
    server::{ADMIN, ADMIN_PASSWORD},
    wait::first_answer,
};

/// After this time a replica has given up a failover that its primary did not support: CLUSTER_MF_TIMEOUT is 5 s, and a
/// primary that has just been restarted on a busy machine may need longer to know its replica.
const GIVEN_UP: Duration = Duration::from_secs(6);

/// A cluster of real servers. All of them are killed when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    pub(super) nodes: Vec<Node>,
}

impl Cluster {
    /// Options for a cluster.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::new()
    }

    /// A cluster with this number of primaries and of replicas for each.
    ///
    /// # Panics
    ///
    /// As [`ClusterBuilder::start`].
    pub async fn start(primaries: usize, replicas_each: usize) -> Self {
        Self::builder().primaries(primaries).replicas_each(replicas_each).start().await
    }

    /// All nodes. Those that started as primaries come first, in the order of their slots.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The addresses of all nodes, as `redis://127.0.0.1:port`.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }

    /// The addresses of all nodes, as `rediss://localhost:port`.
    ///
    /// # Panics
    ///
    /// If the cluster was built without TLS.
    #[must_use]
    pub fn tls_urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.tls_url()).collect()
    }

    /// The current primary of a slot according to the first node that answers.
    ///
    /// # Panics
    ///
    /// If the slot has no primary.
    pub async fn primary_of(&self, slot: u16) -> &Node {
        let view = self.view().await;
        view.primary(slot).map(|id| self.node(id)).expect("every slot has a primary")
    }

    /// The current replicas of a slot's primary.
    ///
    /// # Panics
    ///
    /// If no node answers.
    pub async fn replicas_of(&self, slot: u16) -> Vec<&Node> {
        self.view().await.replicas(slot).iter().map(|id| self.node(id)).collect()
    }

    /// Waits until every live node has the same table of slots, considers the cluster healthy and, as a replica, is
    /// synchronised.
    ///
    /// # Panics
    ///
    /// If that takes longer than 30 s.
    pub async fn wait_until_agreed(&self) {
        self.wait_until_agreed_by(0).await;
    }

    /// [`wait_until_agreed`](Self::wait_until_agreed), with at least this many nodes serving.
    pub(super) async fn wait_until_agreed_by(&self, serving: usize) {
        self.wait("the nodes agree", || async {
            let views = self.views(None).await?;
            let agreed = views.windows(2).all(|two| two[0] == two[1]);
            let ready = views.first()?.is_complete() && views.first()?.serving() >= serving;
            (agreed && ready && self.replicas_are_linked().await).then_some(())
        })
        .await;
    }

    /// Waits until all live nodes except `old` name another primary for the slot.
    ///
    /// # Panics
    ///
    /// If that takes longer than 30 s.
    pub async fn wait_for_new_primary(&self, slot: u16, old: &Node) -> &Node {
        let id = self.wait("there is a new primary", || async {
            let views = self.views(Some(old)).await?;
            let new = views.first()?.primary(slot)?;
            let agreed = views.iter().all(|view| view.primary(slot) == Some(new));
            (agreed && new != old.id).then(|| new.to_owned())
        });
        self.node(&id.await)
    }

    /// Orders a failover to this replica, without loss; returns when all nodes agree.
    ///
    /// # Panics
    ///
    /// If it is not a replica, or the failover takes longer than 30 s.
    pub async fn fail_over_to(&self, replica: &Node) {
        let ordered = Mutex::new(None::<Instant>);
        self.wait("the replica is the primary", || async {
            if replica.info("role").await? == "master" {
                return Some(());
            }
            let last = *ordered.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_none_or(|last| last.elapsed() > GIVEN_UP) {
                // If it is just taking over, it refuses, and the next probe finds it to be the primary.
                replica.command(&["CLUSTER", "FAILOVER"]).await;
                *ordered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            None
        })
        .await;
        self.wait_until_agreed().await;
    }

    /// Starts to move a slot, and leaves the next steps to the test.
    ///
    /// # Panics
    ///
    /// If a node refuses.
    pub async fn begin_move<'a>(&'a self, slot: u16, to: &'a Node) -> SlotMove<'a> {
        SlotMove::begin(self, slot, self.primary_of(slot).await, to).await
    }

    /// Moves a slot with all its keys.
    ///
    /// # Panics
    ///
    /// If a node refuses, or the nodes do not agree within 30 s.
    pub async fn migrate_slot(&self, slot: u16, to: &Node) {
        let moving = self.begin_move(slot, to).await;
        while moving.move_keys(100).await > 0 {}
        moving.finish().await;
    }

    /// Moves some slots with `redis-cli --cluster reshard`, as administrators do; `REDIS_CLI_BIN` names another binary.
    ///
    /// # Panics
    ///
    /// With the output of the tool, if it fails or is not installed.
    pub async fn reshard(&self, from: &Node, to: &Node, slots: u16) {
        let program = std::env::var("REDIS_CLI_BIN").unwrap_or_else(|_| "redis-cli".to_owned());
        let mut tool = Command::new(&program);
        tool.args(["--user", ADMIN, "--pass", ADMIN_PASSWORD, "--no-auth-warning"]);
        if let Some(certificates) = from.certificates() {
            tool.arg("--tls").arg("--cacert").arg(certificates.ca_file());
            tool.arg("--cert").arg(certificates.client_cert_file()).arg("--key").arg(certificates.client_key_file());
        }
        let entry = format!("127.0.0.1:{}", from.main_port());
        tool.args(["--cluster", "reshard", &entry, "--cluster-from", &from.id, "--cluster-to", &to.id]);
        tool.args(["--cluster-slots", &slots.to_string(), "--cluster-yes"]).kill_on_drop(true);
        let Output { status, stdout, stderr } = tool.output().await.unwrap_or_else(|error| {
            panic!("cannot run {program}: {error}. Install it with `apt-get install redis-tools`, or set REDIS_CLI_BIN")
        });
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{program} could not move the slots:\n{out}{err}");
        self.wait_until_agreed().await;
    }

    /// Waits until `probe` returns a value.
    ///
    /// # Panics
    ///
    /// With `what` and the state of every node, if that takes longer than 30 s.
    pub async fn wait<T, F: Future<Output = Option<T>>>(&self, what: &str, probe: impl FnMut() -> F) -> T {
        match first_answer(probe).await {
            Some(found) => found,
            None => panic!("timed out waiting until {what}; {}", self.story().await),
        }
    }

    /// The tables of all live nodes; `None` if one of them does not answer.
    async fn views(&self, except: Option<&Node>) -> Option<Vec<View>> {
        let mut views = Vec::new();
        for node in self.responsive().filter(|node| except != Some(node)) {
            views.push(View::of(&node.server).await?);
        }
        Some(views)
    }

    async fn view(&self) -> View {
        self.wait("a node answers", || async {
            for node in self.responsive() {
                if let Some(view) = View::of(&node.server).await {
                    return Some(view);
                }
            }
            None
        })
        .await
    }

    pub(super) fn responsive(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_responsive())
    }

    async fn replicas_are_linked(&self) -> bool {
        for node in self.responsive() {
            // Primaries have no such line.
            if node.info("master_link_status").await.is_some_and(|status| status != "up") {
                return false;
            }
        }
        true
    }

    fn node(&self, id: &str) -> &Node {
        let node = self.nodes.iter().find(|node| node.id == id);
        node.unwrap_or_else(|| panic!("the cluster names a node that the kit did not start: {id}"))
    }

    /// The state of every node, to explain a timeout.
    async fn story(&self) -> String {
        let mut story = String::new();
        for node in &self.nodes {
            let server: &Server = node;
            let nodes = match server.is_responsive() {
                true => server.try_command(&["CLUSTER", "NODES"]).await.map(|reply| format!("{reply:?}")),
                false => Ok("down".to_owned()),
            };
            let nodes = nodes.unwrap_or_else(|error| error.to_string());
            story += &format!("\nnode {} says: {nodes}\nits log:\n{}", node.id, server.log());
        }
        story
    }
}
