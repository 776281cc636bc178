//! A running server.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use crate::{
    Certificates, Connection, Reply,
    process::Process,
    server::{
        Role, ServerBuilder, Settings,
        launch::{Begin, admin, begin, read_log, spawn},
        settings::Ports,
    },
    wait::first_answer,
    workdir::Workdir,
};

/// A real server as a child process.
///
/// Clones are handles to one server. It is killed, and its directory removed, when the last handle is dropped, and also
/// when the test process itself is killed.
#[derive(Clone, Debug)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    // Declared before the directory, so that the server is gone when the directory is removed.
    process: Mutex<Arc<Process>>,
    paused: AtomicBool,
    dir: Workdir,
    ports: Ports,
    settings: Settings,
}

impl Server {
    pub(super) fn new(process: Process, dir: Workdir, ports: Ports, settings: Settings) -> Self {
        let process = Mutex::new(Arc::new(process));
        Self { inner: Arc::new(Inner { process, paused: AtomicBool::new(false), dir, ports, settings }) }
    }

    /// Options for a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new(Role::Data)
    }

    /// A server with the default options.
    ///
    /// # Panics
    ///
    /// As [`ServerBuilder::start`].
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Sends a command over the unix socket, as a user with all permissions.
    ///
    /// # Panics
    ///
    /// With the server's log, if the server cannot be reached. A refusal is [`Reply::Error`].
    pub async fn command<A: AsRef<[u8]>>(&self, args: &[A]) -> Reply {
        match self.try_command(args).await {
            Ok(reply) => reply,
            Err(error) => panic!("the server cannot be reached: {error}; its log:\n{}", self.log()),
        }
    }

    /// [`command`](Self::command) for servers that may be down.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached.
    pub async fn try_command<A: AsRef<[u8]>>(&self, args: &[A]) -> io::Result<Reply> {
        self.connect().await?.command(args).await
    }

    /// A connection over the unix socket, logged in as a user with all permissions; for subscriptions, transactions
    /// and other uses that need a connection.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached.
    pub async fn connect(&self) -> io::Result<Connection> {
        admin(&self.inner.dir).await
    }

    /// One line of `INFO`, such as `role` or `master_link_status`; `None` if the server is down or has no such line.
    pub async fn info(&self, name: &str) -> Option<String> {
        let text = self.try_command(&["INFO", "everything"]).await.ok()?;
        if text.error().is_some() {
            return None;
        }
        text.text().lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.to_owned()))
    }

    /// The path of the unix socket.
    #[must_use]
    pub fn unix_path(&self) -> PathBuf {
        self.inner.dir.join("redis.sock")
    }

    /// The directory of the server's data.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.inner.dir.path().to_owned()
    }

    /// The id of the server's process; it changes with every restart.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Whether the process is alive; a paused process is.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process().is_running()
    }

    /// Everything that the server has logged, over all its restarts.
    #[must_use]
    pub fn log(&self) -> String {
        read_log(&self.inner.dir)
    }

    /// Kills the process without letting it save or close its connections. Does nothing if it is gone.
    #[expect(clippy::unused_async, reason = "all that changes a server is awaited alike")]
    pub async fn kill(&self) {
        self.process().kill();
    }

    /// Shuts the process down in order, and waits for its end; a server with [`Persistence::Rdb`](crate::Persistence::Rdb)
    /// saves.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn terminate(&self) {
        self.process().signal("TERM");
        self.ended().await;
    }

    /// Ends the process in order, but without saving.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn shutdown_without_saving(&self) {
        // The connection ends instead of a reply.
        let _ = self.try_command(&["SHUTDOWN", "NOSAVE", "NOW"]).await;
        self.ended().await;
    }

    /// Kills the process if it is alive, and starts the server again with the same directory, ports and configuration,
    /// including what the server has rewritten. Waits until the data is loaded.
    ///
    /// # Panics
    ///
    /// As [`ServerBuilder::start`], and if another program has taken the port meanwhile.
    pub async fn restart(&self) {
        self.restart_without_waiting().await;
        self.wait_until_loaded().await;
    }

    /// Like [`restart`](Self::restart), but returns as soon as the server answers at all, even with `LOADING`.
    ///
    /// # Panics
    ///
    /// As [`restart`](Self::restart).
    pub async fn restart_without_waiting(&self) {
        self.kill().await;
        let process = spawn(&self.inner.dir, self.inner.settings.role);
        if let Begin::PortTaken = begin(&process, &self.inner.dir).await {
            panic!("another program took the server's port while it was down; its log:\n{}", self.log());
        }
        self.inner.paused.store(false, Ordering::Relaxed);
        *self.inner.process.lock() = Arc::new(process);
    }

    /// Stops the process (`SIGSTOP`): connections stay open and get no answers until [`resume`](Self::resume).
    ///
    /// # Panics
    ///
    /// If the process is gone.
    pub async fn pause(&self) {
        assert!(self.is_running(), "a server that is gone cannot be paused");
        self.process().signal("STOP");
        self.process().stopped(true).await;
        self.inner.paused.store(true, Ordering::Relaxed);
    }

    /// Continues a paused process.
    ///
    /// # Panics
    ///
    /// If the process is gone.
    pub async fn resume(&self) {
        assert!(self.is_running(), "a server that is gone cannot be resumed");
        self.process().signal("CONT");
        self.process().stopped(false).await;
        self.inner.paused.store(false, Ordering::Relaxed);
    }

    /// Waits until the server has loaded its data.
    ///
    /// # Panics
    ///
    /// With the server's log, if that takes longer than 30 s.
    pub async fn wait_until_loaded(&self) {
        self.wait("the server loads its data", || async {
            let reply = self.try_command(&["PING"]).await.ok()?;
            (!reply.error().is_some_and(|message| message.starts_with("LOADING"))).then_some(())
        })
        .await;
    }

    /// Waits until this replica is synchronised with its primary.
    ///
    /// # Panics
    ///
    /// With the server's log, if that takes longer than 30 s.
    pub async fn wait_for_primary_link(&self) {
        self.wait("the replica is linked with its primary", || async {
            (self.info("master_link_status").await? == "up").then_some(())
        })
        .await;
    }

    /// Waits until `probe` returns a value.
    ///
    /// # Panics
    ///
    /// With `what` and the server's log, if that takes longer than 30 s.
    pub async fn wait<T, F: Future<Output = Option<T>>>(&self, what: &str, probe: impl FnMut() -> F) -> T {
        match first_answer(probe).await {
            Some(found) => found,
            None => panic!("timed out waiting until {what}; the server's log:\n{}", self.log()),
        }
    }

    /// Whether it should answer: it is running and not paused.
    pub(crate) fn is_responsive(&self) -> bool {
        self.is_running() && !self.inner.paused.load(Ordering::Relaxed)
    }

    pub(super) fn ports(&self) -> &Ports {
        &self.inner.ports
    }

    pub(super) fn password(&self) -> Option<&str> {
        self.inner.settings.password.as_deref()
    }

    pub(crate) fn certificates(&self) -> Option<&Certificates> {
        self.inner.settings.tls.as_ref()
    }

    fn process(&self) -> Arc<Process> {
        Arc::clone(&self.inner.process.lock())
    }

    async fn ended(&self) {
        assert!(self.process().ended().await, "the server does not end; its log:\n{}", self.log());
    }
}

/// Two handles to one server are equal.
impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}
