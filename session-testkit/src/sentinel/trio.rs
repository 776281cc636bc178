//! Running sentinels and their servers.

use std::collections::HashMap;

use crate::{LinkCutter, Reply, SentinelTrioBuilder, Server, wait::first_answer};

/// A primary, its replicas, and three sentinels. All of them are killed when it is dropped.
#[derive(Debug)]
pub struct SentinelTrio {
    pub(super) name: String,
    pub(super) servers: Vec<Server>,
    /// One for each server, or none at all.
    pub(super) links: Vec<LinkCutter>,
    pub(super) sentinels: Vec<Server>,
}

impl SentinelTrio {
    /// Options for sentinels and their servers.
    pub fn builder() -> SentinelTrioBuilder {
        SentinelTrioBuilder::new()
    }

    /// A primary with two replicas, and three sentinels.
    ///
    /// # Panics
    ///
    /// As [`SentinelTrioBuilder::start`].
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The sentinels' name for the primary.
    #[must_use]
    pub fn master_name(&self) -> &str {
        &self.name
    }

    /// The addresses of the sentinels, as `redis://127.0.0.1:port`.
    #[must_use]
    pub fn sentinel_urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::url).collect()
    }

    /// The addresses of the sentinels, as `rediss://localhost:port`.
    ///
    /// # Panics
    ///
    /// If it was built without TLS.
    #[must_use]
    pub fn sentinel_tls_urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::tls_url).collect()
    }

    /// The sentinels, which can also be killed or paused.
    #[must_use]
    pub fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// The first primary, then the servers that started as its replicas.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The proxy through which sentinels, replicas and clients reach this server.
    ///
    /// # Panics
    ///
    /// If it was built without [`SentinelTrioBuilder::behind_links`].
    #[must_use]
    pub fn link_of(&self, server: &Server) -> &LinkCutter {
        let index = self.servers.iter().position(|one| one == server);
        let link = index.and_then(|index| self.links.get(index));
        link.expect("the links of these servers cannot be cut: build them with `behind_links`")
    }

    /// The current primary according to the sentinels.
    ///
    /// # Panics
    ///
    /// If they do not agree within 30 s.
    pub async fn primary(&self) -> &Server {
        self.wait("the sentinels agree", || async { self.agreed().await }).await
    }

    /// All servers except the primary.
    ///
    /// # Panics
    ///
    /// If the sentinels do not agree within 30 s.
    pub async fn replicas(&self) -> Vec<&Server> {
        let primary = self.primary().await;
        self.servers.iter().filter(|server| *server != primary).collect()
    }

    /// Kills the primary, and returns it.
    ///
    /// # Panics
    ///
    /// If the sentinels do not agree on the primary.
    pub async fn kill_primary(&self) -> &Server {
        let primary = self.primary().await;
        primary.kill().await;
        primary
    }

    /// Orders a failover; returns the new primary when all sentinels know it.
    ///
    /// # Panics
    ///
    /// If the sentinels refuse, or the failover takes longer than 30 s.
    pub async fn fail_over(&self) -> &Server {
        let old = self.primary().await;
        let sentinel = self.responsive().next().expect("a sentinel is alive");
        self.wait("the failover that was ordered is done", || async {
            if let Some(new) = self.successor(old).await {
                return Some(new);
            }
            // A sentinel that was delayed for a moment finds no suitable replica, and gives up.
            let master = fields(&sentinel.try_command(&["SENTINEL", "MASTER", &self.name]).await.ok()?);
            let is_old = self.named(master.get("port")?) == Some(old);
            if is_old && !master.get("flags")?.contains("failover_in_progress") {
                sentinel.command(&["SENTINEL", "FAILOVER", &self.name]).await;
            }
            None
        })
        .await
    }

    /// Waits until all live sentinels name a server other than `old`, and that server is a primary.
    ///
    /// # Panics
    ///
    /// If that takes longer than 30 s.
    pub async fn wait_for_new_primary(&self, old: &Server) -> &Server {
        self.wait("there is a new primary", || self.successor(old)).await
    }

    /// The server that all sentinels name instead of `old`, once it is a primary.
    async fn successor(&self, old: &Server) -> Option<&Server> {
        let new = self.agreed().await.filter(|new| *new != old)?;
        (new.info("role").await? == "master").then_some(new)
    }

    /// Waits until the sentinels agree, report no problem, and every live server follows the primary.
    ///
    /// # Panics
    ///
    /// If that takes longer than 30 s.
    pub async fn wait_until_settled(&self) {
        self.wait("all is settled", || async {
            let primary = self.agreed().await?;
            for server in self.servers.iter().filter(|server| *server != primary && server.is_responsive()) {
                if !self.follows(server, primary).await? {
                    return None;
                }
            }
            for sentinel in self.responsive() {
                if !self.is_content(sentinel).await? {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    /// The port at which the others reach a server.
    pub(super) fn port(&self, index: usize) -> u16 {
        match self.links.get(index) {
            Some(link) => link.port(),
            None => self.servers[index].main_port(),
        }
    }

    async fn follows(&self, server: &Server, primary: &Server) -> Option<bool> {
        let index = self.servers.iter().position(|one| one == primary)?;
        let port = server.info("master_port").await?;
        Some(port == self.port(index).to_string() && server.info("master_link_status").await? == "up")
    }

    /// Whether a sentinel knows the other live sentinels and considers all live servers healthy.
    async fn is_content(&self, sentinel: &Server) -> Option<bool> {
        let master = fields(&sentinel.try_command(&["SENTINEL", "MASTER", &self.name]).await.ok()?);
        let others: usize = master.get("num-other-sentinels")?.parse().ok()?;
        let replicas = sentinel.try_command(&["SENTINEL", "REPLICAS", &self.name]).await.ok()?;
        let well = replicas.items().iter().map(fields).filter(|replica| {
            let is = |name: &str, value: &str| replica.get(name).is_some_and(|is| is == value);
            is("flags", "slave") && is("master-link-status", "ok")
        });
        let alive = self.servers.iter().filter(|server| server.is_responsive()).count();
        let known = others + 1 >= self.responsive().count();
        Some(known && master.get("flags")? == "master" && well.count() + 1 >= alive)
    }

    /// The primary that all live sentinels name.
    async fn agreed(&self) -> Option<&Server> {
        let mut named: Option<String> = None;
        for sentinel in self.responsive() {
            let addr = sentinel.try_command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &self.name]).await.ok()?;
            let Reply::Array(parts) = addr else { return None };
            let port = parts.get(1)?.text();
            if named.as_ref().is_some_and(|named| *named != port) {
                return None;
            }
            named = Some(port);
        }
        self.named(&named?)
    }

    /// The server that the others reach at this port.
    fn named(&self, port: &str) -> Option<&Server> {
        let index = (0..self.servers.len()).find(|index| self.port(*index).to_string() == port)?;
        self.servers.get(index)
    }

    fn responsive(&self) -> impl Iterator<Item = &Server> {
        self.sentinels.iter().filter(|sentinel| sentinel.is_responsive())
    }

    async fn wait<T, F: Future<Output = Option<T>>>(&self, what: &str, probe: impl FnMut() -> F) -> T {
        match first_answer(probe).await {
            Some(found) => found,
            None => panic!("timed out waiting until {what}"),
        }
    }
}

/// A failed test prints the logs of the sentinels and the servers.
impl Drop for SentinelTrio {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs: Vec<String> = self.sentinels.iter().chain(&self.servers).map(Server::log).collect();
            eprintln!("the logs of sentinels and servers:\n{}", logs.join("\n---\n"));
        }
    }
}

/// Parses a list of names and values, the form of sentinels' replies.
fn fields(reply: &Reply) -> HashMap<String, String> {
    let Reply::Array(items) = reply else { return HashMap::new() };
    items.chunks_exact(2).map(|pair| (pair[0].text(), pair[1].text())).collect()
}
